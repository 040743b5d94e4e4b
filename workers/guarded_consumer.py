"""A Celery consumer that no message can stop.

Celery's own dies on bodies such as `5` or a two-item list, and drops unknown tasks and bodies that it cannot decode.
Here each of them becomes a dead letter, is taken off the queue, and the next message is served.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery.worker.consumer import Consumer
from kombu.message import Message

from models import names
from models.commands import MAX_BATCH_BYTES
from models.dead_letter import DeadLetter, DeadLetterReason
from models.store.engine import DatabaseUnavailable
from models.store.graveyard import bury
from tasks.connections import engine

log = structlog.get_logger()

UNAVAILABLE_PAUSE_SECONDS = 1.0


class GuardedConsumer(Consumer):
    """Hands to Celery only what its strategy can digest: a version 2 task message, no schedule, no follow-up tasks."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            reason = self._objection(message)
            if reason is None:
                handle(message)
            else:
                self._bury(message, *reason)

        return on_message

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        self._bury(message, DeadLetterReason.UNDECODABLE, repr(exc))

    def _objection(self, message: Message) -> tuple[DeadLetterReason, str] | None:
        """Why `message` must not reach Celery, or None."""
        if len(message.body) > MAX_BATCH_BYTES:
            return DeadLetterReason.INVALID_MESSAGE, f"the body is larger than {MAX_BATCH_BYTES} bytes"
        try:
            payload = message.payload
        except Exception as error:  # noqa: BLE001 - kombu lets through whatever the decoder raised
            return DeadLetterReason.UNDECODABLE, repr(error)
        fault = _fault_of_headers(message.headers) or _fault_of_body(payload)
        if fault:
            return DeadLetterReason.INVALID_MESSAGE, fault
        if message.headers["task"] not in self.strategies:
            return DeadLetterReason.UNKNOWN_TASK, f"there is no task {message.headers['task']!r}"
        return None

    def _bury(self, message: Message, reason: DeadLetterReason, detail: str) -> None:
        log.error("dead_letter", reason=reason, detail=detail)
        try:
            with engine().begin() as connection:
                bury(connection, [_letter(message, reason, detail)])
        except DatabaseUnavailable:
            # Nothing else can be handled either while the database is away; back to the queue, without a hot loop.
            time.sleep(UNAVAILABLE_PAUSE_SECONDS)
            message.reject_log_error(log, self.connection_errors, requeue=True)
        else:
            message.ack_log_error(log, self.connection_errors)


def _fault_of_headers(headers: Any) -> str | None:
    if not isinstance(headers, dict) or not isinstance(headers.get("task"), str):
        return "no task name in the headers (task message protocol 2)"
    if not isinstance(headers.get("id"), str) or not headers["id"]:
        return "no task id in the headers"
    if headers.get("eta") or headers.get("expires"):
        return "eta, countdown and expires are not supported: due times belong in the database"
    if headers.get("timelimit") not in (None, [None, None]):
        return "time limits are the service's own"
    return None


def _fault_of_body(payload: Any) -> str | None:
    match payload:
        case [list(), dict(), dict() | None as embedded]:
            follow_up = sorted(name for name, value in (embedded or {}).items() if value)
            return f"follow-up tasks are not supported: {', '.join(follow_up)}" if follow_up else None
        case _:
            return "the body must be [args, kwargs, embed]: a list, an object and an object"


def _letter(message: Message, reason: DeadLetterReason, detail: str) -> DeadLetter:
    headers = message.headers if isinstance(message.headers, dict) else {}
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode(errors="replace")
    described = {**headers, "content_type": message.content_type, "content_encoding": message.content_encoding}
    return DeadLetter(
        reason=reason,
        detail=detail,
        source=names.COMMAND_QUEUE,
        body=body,
        headers=described,
        command_id=_text(headers.get("id")),
        command_type=_text(headers.get("task")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
