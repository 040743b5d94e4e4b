"""The one way a command takes effect: inbox, state and events in one transaction, for one command or five hundred."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError

from models.command import Command
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope, parse_command
from models.dead_letter import DeadLetterReason
from models.deciding import decide
from models.errors import CommandIdReused, FieldError, PayloadTooLarge, Refusal, ValidationFailed
from models.loaded import Needs, needs_of
from models.outcome import Outcome, succeeded
from models.resources import JobGroupResource
from models.settling import conclude
from models.store.engine import DatabaseUnavailable
from models.store.unit_of_work import ConcurrentWrite, UnitOfWork
from tasks.command_metrics import count_handled
from tasks.dead_letters import bury_command
from tasks.errors_told import told_by_database, told_of, trace_of
from tasks.races import try_again_after_a_race
from tasks.refusing import refuse
from tasks.settling import end_queue, settle

log = structlog.get_logger()


def handle(engine: Engine, envelopes: Sequence[CommandEnvelope]) -> list[Outcome]:
    """Carry out commands in their order, in one transaction, and return their outcomes in the same order.

    Each takes effect once: a command id that has an outcome gets that outcome again. Where the transaction fails, it is
    split until the guilty command stands alone; the others go through. What the database refuses is rejected; what
    fails for a fault of ours becomes a dead letter.

    Raises DatabaseUnavailable or ConcurrentWrite where nothing was done and the same call may succeed later.
    """
    try:
        return _presume_new(engine, envelopes)
    except (DatabaseUnavailable, ConcurrentWrite):
        raise
    except (DataError, IntegrityError) as error:
        if len(envelopes) == 1:
            return [_reject(engine, envelopes[0], error)]
    except Exception as error:  # noqa: BLE001 - one faulty command must not take the others along
        if len(envelopes) == 1:
            return [_bury(engine, envelopes[0], error)]
    middle = len(envelopes) // 2
    return handle(engine, envelopes[:middle]) + handle(engine, envelopes[middle:])


def _presume_new(engine: Engine, envelopes: Sequence[CommandEnvelope]) -> list[Outcome]:
    """Commands are new, as a rule, and so are the groups that they make. One that is not collides with what is there
    when it is written, and nothing is; to look for it beforehand would cost every transaction two exchanges."""
    try:
        return _transact(engine, envelopes, look=False)
    except ConcurrentWrite:
        return _look_first(engine, envelopes)


@try_again_after_a_race
def _look_first(engine: Engine, envelopes: Sequence[CommandEnvelope]) -> list[Outcome]:
    return _transact(engine, envelopes, look=True)


def _transact(engine: Engine, envelopes: Sequence[CommandEnvelope], *, look: bool) -> list[Outcome]:
    began_at = time.perf_counter()
    commands = [_understand(envelope) for envelope in envelopes]
    needs = _needs(command for command in commands if isinstance(command, Command))
    with engine.begin() as connection:
        work = UnitOfWork(connection, now=datetime.now(UTC))
        if look:
            work.load_handled(envelope.id for envelope in envelopes)
        work.load({id_: needed for id_, needed in needs.items() if look or needed.group})
        outcomes = [_outcome(work, envelope, command) for envelope, command in zip(envelopes, commands, strict=True)]
        settle(work)
        work.save()
    count_handled(outcomes, work.repeats_count, time.perf_counter() - began_at)
    return [_with_group(work, envelope, outcome) for envelope, outcome in zip(envelopes, outcomes, strict=True)]


def _understand(envelope: CommandEnvelope) -> Command | Refusal:
    size = len(envelope.canonical)
    if size > MAX_COMMAND_BYTES:
        return PayloadTooLarge(f"the command is {size} bytes, more than {MAX_COMMAND_BYTES}")
    try:
        return parse_command(envelope)
    except Refusal as refusal:
        return refusal


def _needs(commands: Iterable[Command]) -> dict[UUID, Needs]:
    needs: dict[UUID, Needs] = {}
    for command in commands:
        needed = needs_of(command)
        needs[command.target] = needs.get(command.target, needed) | needed
    return needs


def _outcome(work: UnitOfWork, envelope: CommandEnvelope, command: Command | Refusal) -> Outcome:
    try:
        if before := work.handled.get(envelope.id):
            outcome = before.outcome_for(envelope)
            work.repeats_count += 1
            return outcome
        outcome = _carry_out(work, envelope, command)
    except CommandIdReused as refusal:
        # The inbox row of this id belongs to the other command.
        return refuse(work, envelope, refusal)
    except Refusal as refusal:
        outcome = refuse(work, envelope, refusal)
    work.record(envelope, outcome)
    return outcome


def _carry_out(work: UnitOfWork, envelope: CommandEnvelope, command: Command | Refusal) -> Outcome:
    if isinstance(command, Refusal):
        raise command
    loaded = work.loaded[command.target]
    before = loaded.group.status if loaded.group else None
    for event in decide(loaded, command, work.now):
        work.happen(event, envelope)
    group = loaded.group
    if group is None:
        raise LookupError(f"{command.type} made no job group {command.target}")
    for conclusion in conclude(before, group):
        work.happen(conclusion, envelope)
    end_queue(work, group, envelope)
    work.last_command[group.id] = envelope
    return succeeded(envelope, group.id, group.version)


def _with_group(work: UnitOfWork, envelope: CommandEnvelope, outcome: Outcome) -> Outcome:
    """Spare a caller that waits to read the group, which costs it as much again as the command."""
    loaded = work.loaded.get(outcome.group_id) if outcome.group_id and envelope.reply_to else None
    if loaded is None or loaded.group is None or loaded.group.deleted_at or outcome.status == "rejected":
        return outcome
    return outcome.model_copy(update={"group": JobGroupResource.of(loaded.group).model_dump(mode="json")})


def _reject(engine: Engine, envelope: CommandEnvelope, error: DataError | IntegrityError) -> Outcome:
    """What the contracts let through and the database does not is still an answer to its sender."""
    log.error("database_refused_command", command_id=envelope.id, type=envelope.type, error=told_of(error))
    refusal = ValidationFailed([FieldError(field="", message=f"the database refused it: {told_by_database(error)}")])
    began_at = time.perf_counter()
    with engine.begin() as connection:
        work = UnitOfWork(connection, now=datetime.now(UTC))
        outcome = refuse(work, envelope, refusal)
        work.record(envelope, outcome)
        work.save()
    count_handled([outcome], 0, time.perf_counter() - began_at)
    return outcome


def _bury(engine: Engine, envelope: CommandEnvelope, error: Exception) -> Outcome:
    log.error(
        "command_died", command_id=envelope.id, type=envelope.type, error=told_of(error), traceback=trace_of(error)
    )
    return bury_command(engine, envelope, DeadLetterReason.HANDLING_FAILED, told_of(error))
