"""From a task message to outcomes: what every task does around the one transaction."""

import json
import time
from collections.abc import Sequence
from functools import partial
from traceback import clear_frames
from typing import Any

import structlog
from celery.exceptions import Reject
from pydantic import ValidationError
from structlog.contextvars import bound_contextvars
from tenacity import RetryCallState, retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from models import names
from models.commands import MAX_BATCH_COUNT, CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason
from models.dead_letter_contents import task_item
from models.errors import ValidationFailed
from models.outcome import Outcome
from models.store.engine import DatabaseUnavailable
from models.store.unit_of_work import ConcurrentWrite
from tasks.app import app
from tasks.attempts import handle_again
from tasks.connections import engine, redis
from tasks.dead_letters import bury_messages
from tasks.errors_told import told_of, trace_of
from tasks.following import follow
from tasks.handling import handle
from tasks.outcomes import tell_callers

log = structlog.get_logger()

DATABASE_WAIT_SECONDS = 12
"""How long a task waits for the database before its message goes back to the queue: with a last connection and its
first statement, still below the time limit of a task, which would kill the waiting child."""

RESCUE_PAUSE_SECONDS = 1.0
"""Before a message goes back into its queue for a fault that the next attempt will likely meet as well."""


class CommandDied(Exception):  # noqa: N818 - what the sender of a single task finds as its result
    """The command is among the dead letters; the workers' log says why."""


def receive_one(request: Any, type: str, args: Sequence[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Carry out the command that a Celery client sent as a task of its own, and return its outcome."""
    return _result(request, receive(request, [_item(request, type, args, data)]))


def receive_gathered(request: Any, items: list[Any], askers: Sequence[str]) -> None:
    """Carry out the commands of several messages, and store the results of those that Celery clients sent singly."""
    _store_results(askers, receive(request, items))


def rescue(request: Any, args: Sequence[Any], data: dict[str, Any], error: Exception) -> dict[str, Any]:
    """Keep the message of a task that failed outside the one transaction: Celery acknowledges it, whatever happened.

    Returns the command's outcome. Raises CommandDied where it has none, and Reject, which puts the message back into
    its queue, where it cannot be kept.
    """
    log.error("task_died", task=request.task, task_id=request.id, error=told_of(error), traceback=trace_of(error))
    batches = (names.HANDLE_BATCH, names.HANDLE_GATHERED)
    items = data.get("commands") if request.task in batches else _item(request, request.task, args, data)
    body = json.dumps(items, default=repr).encode()
    letter = DeadLetter(DeadLetterReason.HANDLING_FAILED, told_of(error), names.COMMAND_QUEUE, body)
    try:
        outcomes = _keep([letter])
    except Reject:
        raise
    except Exception as failure:  # noqa: BLE001 - there is no third place for the message
        time.sleep(RESCUE_PAUSE_SECONDS)
        raise Reject(reason=told_of(failure), requeue=True) from error
    _store_results(data.get("askers", ()) if request.task == names.HANDLE_GATHERED else (), outcomes)
    return _result(request, outcomes)


def receive(request: Any, items: Any) -> list[Outcome]:
    """Carry out the commands of one message in their order, tell the callers that wait for them, and return the
    outcomes.

    An item that is no command envelope becomes a dead letter, whose outcome is among the last; the others go on. Raises
    Reject, which puts the message back into its queue, where the database does not answer.
    """
    with bound_contextvars(task_id=request.id):
        envelopes, letters = _read(items)
        carry_out = partial(_carry_out_and_tell, delivered_before=bool(request.delivery_info.get("redelivered")))
        outcomes = follow(envelopes, carry_out) if envelopes else []
        return [*outcomes, *_keep(letters)]


def _item(request: Any, type: str, args: Sequence[Any], data: dict[str, Any]) -> dict[str, Any]:
    return task_item({**(request.headers or {}), "id": request.id, "type": type}, args, data)


def _result(request: Any, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    if len(outcomes) != 1:
        raise CommandDied(request.id)
    return outcomes[0].model_dump(mode="json", exclude_none=True)


def _store_results(askers: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    """As Celery would, had each command been a task of its own: the outcome, or CommandDied where there is none."""
    if not askers:
        return
    found = {outcome.command_id: outcome.model_dump(mode="json", exclude_none=True) for outcome in outcomes}
    app.backend.store_results({task_id: found.get(task_id) or CommandDied(task_id) for task_id in askers})


def _read(items: Any) -> tuple[list[CommandEnvelope], list[DeadLetter]]:
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH_COUNT:
        return [], [_unreadable(items, f"`commands` must be a list of 1 to {MAX_BATCH_COUNT} commands")]
    envelopes, letters = [], []
    for item in items:
        try:
            envelopes.append(CommandEnvelope.model_validate(item))
        except ValidationError as error:
            letters.append(_unreadable(item, ValidationFailed.of(error).detail))
        except Exception as error:  # noqa: BLE001 - one item must not take the others along
            clear_frames(error.__traceback__)  # where the memory is used up, they hold it
            letters.append(_unreadable(item, told_of(error), DeadLetterReason.HANDLING_FAILED))
    return envelopes, letters


def _unreadable(item: Any, detail: str, reason: DeadLetterReason = DeadLetterReason.INVALID_COMMAND) -> DeadLetter:
    return DeadLetter(reason, detail, names.COMMAND_QUEUE, json.dumps(item, default=repr).encode())


def _requeue(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("database_unavailable", waited_seconds=state.seconds_since_start, error=repr(error))
    raise Reject(reason=repr(error), requeue=True)


_patiently = retry(
    retry=retry_if_exception_type((DatabaseUnavailable, ConcurrentWrite)),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    stop=stop_after_delay(DATABASE_WAIT_SECONDS),
    retry_error_callback=_requeue,
)


def _carry_out_and_tell(envelopes: Sequence[CommandEnvelope], *, delivered_before: bool) -> list[Outcome]:
    """Somebody waits to be told; the log and the trace can be written later."""
    outcomes = _carry_out(envelopes, delivered_before=delivered_before)
    tell_callers(redis(), envelopes, outcomes)
    return outcomes


@_patiently
def _carry_out(envelopes: Sequence[CommandEnvelope], *, delivered_before: bool) -> list[Outcome]:
    if delivered_before:
        return handle_again(engine(), envelopes)
    return handle(engine(), envelopes)


@_patiently
def _keep(letters: list[DeadLetter]) -> list[Outcome]:
    return bury_messages(engine(), redis(), letters) if letters else []
