"""Keeping what could not be carried out, and answering whoever sent it, in one transaction."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from redis import Redis
from sqlalchemy import Engine

from models import names
from models.commands import CommandEnvelope, group_id_of
from models.dead_letter import DeadLetter, DeadLetterReason
from models.dead_letter_contents import Contents, contents_of
from models.errors import CommandIdReused, DeadLettered
from models.outcome import Outcome, rejected
from models.store.graveyard import bury
from models.store.unit_of_work import UnitOfWork
from tasks.command_metrics import count_buried
from tasks.outcomes import tell_callers
from tasks.races import try_again_after_a_race
from tasks.refusing import refuse

Buried = tuple[DeadLetter, Contents]


def bury_command(engine: Engine, envelope: CommandEnvelope, reason: DeadLetterReason, detail: str) -> Outcome:
    """Keep a command as a dead letter and return its outcome, for the caller to tell: `dead_lettered`, unless it has
    another already, which stays.

    `detail` must not quote the command. Raises DatabaseUnavailable or ConcurrentWrite where nothing was done and the
    same call may succeed later.
    """
    body = json.dumps(envelope.model_dump(exclude_none=True)).encode()
    letter = DeadLetter(reason, detail, names.COMMAND_QUEUE, body)
    (outcome,) = _bury(engine, [(letter, Contents([envelope]))])
    return outcome


def bury_messages(engine: Engine, redis: Redis, letters: Sequence[DeadLetter]) -> list[Outcome]:
    """Keep messages as dead letters, and tell those who wait for them what became of the commands in them.

    Returns an outcome for each command whose id can be read, in the order of the letters. Raises as `bury_command`.
    """
    buried = [(letter, contents_of(letter)) for letter in letters]
    outcomes = _bury(engine, buried)
    tell_callers(redis, [envelope for _, contents in buried for envelope in contents.envelopes], outcomes)
    return outcomes


@try_again_after_a_race
def _bury(engine: Engine, buried: Sequence[Buried]) -> list[Outcome]:
    with engine.begin() as connection:
        work = UnitOfWork(connection, now=datetime.now(UTC))
        work.load_handled(envelope.id for _, contents in buried for envelope in contents.envelopes)
        ids = bury(connection, [_addressed(letter, contents) for letter, contents in buried])
        outcomes = [
            _outcome(work, envelope, DeadLettered(letter.reason, id_))
            for id_, (letter, contents) in zip(ids, buried, strict=True)
            for envelope in contents.envelopes
        ]
        work.save()
    count_buried((letter.reason for letter, _ in buried), outcomes)
    return outcomes


def _addressed(letter: DeadLetter, contents: Contents) -> DeadLetter:
    """A letter is filed under its command, and one of many commands under none of them."""
    match contents.envelopes:
        case [only]:
            return replace(letter, command_id=only.id, command_type=only.type, group_id=group_id_of(only))
        case []:
            return letter
        case _:
            return replace(letter, command_type=names.HANDLE_BATCH)


def _outcome(work: UnitOfWork, envelope: CommandEnvelope, refusal: DeadLettered) -> Outcome:
    if before := work.handled.get(envelope.id):
        try:
            return before.outcome_for(envelope)
        except CommandIdReused as reused:
            return rejected(envelope, None, reused)
    outcome = refuse(work, envelope, refusal)
    work.record(envelope, outcome)
    return outcome
