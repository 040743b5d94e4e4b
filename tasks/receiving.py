"""From a task message to outcomes: what every task does around the one transaction."""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from celery.exceptions import Reject
from pydantic import ValidationError
from tenacity import RetryCallState, retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from models import names
from models.commands import MAX_BATCH_COUNT, CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason
from models.errors import ValidationFailed
from models.outcome import Outcome
from models.store.engine import DatabaseUnavailable
from models.store.graveyard import bury
from models.store.unit_of_work import ConcurrentWrite
from tasks.connections import engine, redis
from tasks.handling import handle
from tasks.outcomes import tell_callers

log = structlog.get_logger()

DATABASE_WAIT_SECONDS = 12
"""How long a task waits for the database before its message goes back to the queue: with a last connection and its
first statement, still below the time limit of a task, which would kill the waiting child."""


class CommandDied(Exception):  # noqa: N818 - what the sender of a single task finds as its result
    """The command is among the dead letters; the workers' log says why."""


def receive_one(request: Any, type: str, args: Sequence[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Carry out the command that a Celery client sent as a task of its own, and return its outcome.

    A positional argument has no name in the command's contract; it is refused there, by the name `args`.
    """
    headers = request.headers or {}
    extras = {name: headers[name] for name in ("actor", "correlationId", "traceparent", "replyTo") if headers.get(name)}
    item = {"id": request.id, "type": type, "data": {**data, "args": args} if args else data, **extras}
    outcome = next(iter(receive([item])), None)
    if outcome is None:
        raise CommandDied(request.id)
    return outcome.model_dump(mode="json", exclude_none=True)


def rescue(request: Any, args: Sequence[Any], data: dict[str, Any], error: Exception) -> None:
    """Keep the message of a task that failed outside the one transaction: Celery acknowledges it, whatever happened.

    Raises Reject, which puts it back into its queue, where even that fails.
    """
    log.error("task_died", task=request.task, task_id=request.id, exc_info=error)
    letter = DeadLetter(
        reason=DeadLetterReason.HANDLING_FAILED,
        detail=repr(error),
        source=names.COMMAND_QUEUE,
        body=json.dumps([args, data], default=repr).encode(),
        command_id=request.id,
        command_type=request.task,
    )
    try:
        with engine().begin() as connection:
            bury(connection, [letter])
    except Exception as failure:  # noqa: BLE001 - there is no third place for the message
        raise Reject(reason=repr(failure), requeue=True) from error


def receive(items: Any) -> list[Outcome | None]:
    """Carry out the commands of one message in their order and tell the callers that wait for them.

    An item that is no command envelope becomes a dead letter; the others go on. Raises Reject, which puts the message
    back into its queue, where the database does not answer.
    """
    envelopes, letters = _read(items)
    outcomes = _carry_out(envelopes, letters)
    tell_callers(redis(), envelopes, outcomes)
    return outcomes


def _read(items: Any) -> tuple[list[CommandEnvelope], list[DeadLetter]]:
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH_COUNT:
        return [], [_unreadable(items, f"`commands` must be a list of 1 to {MAX_BATCH_COUNT} commands")]
    envelopes, letters = [], []
    for item in items:
        try:
            envelopes.append(CommandEnvelope.model_validate(item))
        except ValidationError as error:
            letters.append(_unreadable(item, ValidationFailed.of(error).detail))
    return envelopes, letters


def _unreadable(item: Any, detail: str) -> DeadLetter:
    body = json.dumps(item, default=repr).encode()
    return DeadLetter(DeadLetterReason.INVALID_COMMAND, detail, names.COMMAND_QUEUE, body)


def _requeue(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("database_unavailable", waited_seconds=state.seconds_since_start, error=repr(error))
    raise Reject(reason=repr(error), requeue=True)


@retry(
    retry=retry_if_exception_type((DatabaseUnavailable, ConcurrentWrite)),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    stop=stop_after_delay(DATABASE_WAIT_SECONDS),
    retry_error_callback=_requeue,
)
def _carry_out(envelopes: list[CommandEnvelope], letters: list[DeadLetter]) -> list[Outcome | None]:
    outcomes = handle(engine(), envelopes) if envelopes else []
    if letters:
        with engine().begin() as connection:
            bury(connection, letters)
    return outcomes
