"""Commands whose message was delivered before: one of them may be what killed its worker."""

from collections.abc import Sequence
from contextlib import suppress

import structlog
from billiard.common import terminate_handler_fired
from sqlalchemy import Engine

from models.commands import CommandEnvelope
from models.dead_letter import DeadLetterReason
from models.outcome import Outcome
from models.store.attempts import count_attempt, take_back_attempt
from models.store.engine import DatabaseUnavailable
from models.store.unit_of_work import ConcurrentWrite
from tasks.dead_letters import bury_command
from tasks.handling import handle

log = structlog.get_logger()

MAX_ATTEMPT_COUNT = 5
"""After the first delivery, which is not counted. More than one, for a worker also dies of other things."""


def handle_again(engine: Engine, envelopes: Sequence[CommandEnvelope]) -> list[Outcome]:
    """Carry out commands whose message was delivered before, each in a transaction of its own, and return their
    outcomes in the same order. One that was attempted five times becomes a dead letter.

    Each on its own, so that the count of whichever kills the worker rises and no other's does.
    Raises DatabaseUnavailable or ConcurrentWrite where the same call may succeed later.
    """
    return [_attempt(engine, envelope) for envelope in envelopes]


def _attempt(engine: Engine, envelope: CommandEnvelope) -> Outcome:
    # Committed before the work begins: a death rolls back only what the work did.
    with engine.begin() as connection:
        count = count_attempt(connection, envelope.id)
    if count > MAX_ATTEMPT_COUNT:
        detail = f"its worker died in each of {MAX_ATTEMPT_COUNT + 1} attempts"
        return bury_command(engine, envelope, DeadLetterReason.ATTEMPTS_EXHAUSTED, detail)
    try:
        (outcome,) = handle(engine, [envelope])
    except (DatabaseUnavailable, ConcurrentWrite):
        # Not where this process is being ended for taking too long: the server has ended its idle transaction by then,
        # and what looks like an outage is the attempt to roll that back.
        if not terminate_handler_fired():
            _take_back(engine, envelope)
        raise
    return outcome


def _take_back(engine: Engine, envelope: CommandEnvelope) -> None:
    """An attempt that the database cut short killed nobody. Where it cannot be told so, the attempt stays counted: an
    outage costs a command one of its attempts at most."""
    with suppress(DatabaseUnavailable), engine.begin() as connection:
        take_back_attempt(connection, envelope.id)
