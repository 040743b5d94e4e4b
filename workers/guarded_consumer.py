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
from models.dead_letter import DeadLetterReason
from models.json_faults import fault_of_json
from models.store.engine import DatabaseUnavailable
from models.store.unit_of_work import ConcurrentWrite
from tasks.connections import engine, redis
from tasks.dead_letters import bury_messages
from workers.gathering import gather
from workers.letters import letter_of
from workers.message_faults import fault_of_message

log = structlog.get_logger()

UNAVAILABLE_PAUSE_SECONDS = 1.0
CELERY_TASKS = "celery."
"""Celery's own, such as `celery.map`, which runs any task within itself."""
FAULTS_OF_DATA = (TypeError, ValueError, LookupError, AttributeError)


class GuardedConsumer(Consumer):
    """Hands to Celery only what its strategy can digest: a version 2 task message, no schedule, no follow-up tasks."""

    def update_strategies(self) -> None:
        super().update_strategies()
        gather(self)

    def ensure_connected(self, conn: Any) -> Any:
        """While the broker is away there is no event loop to beat. kombu asks each second whether to give up."""
        connect, beat = conn.ensure_connection, self.controller.options["heartbeat"].beat

        def connect_beating(*how: Any, callback: Callable[[], None], **options: Any) -> Any:
            def each_second() -> None:
                beat()
                callback()

            return connect(*how, callback=each_second, **options)

        conn.ensure_connection = connect_beating
        try:
            return super().ensure_connected(conn)
        finally:
            conn.ensure_connection = connect

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            reason = self._objection(message)
            if reason is None:
                try_to_handle(message)
            else:
                self._bury(message, *reason)

        def try_to_handle(message: Message) -> None:
            try:
                handle(message)
            except (*self.connection_errors, *self.channel_errors):
                raise
            except FAULTS_OF_DATA as error:
                # Whatever Celery trips over in a header that nobody thought of here.
                self._bury(message, DeadLetterReason.INVALID_MESSAGE, f"Celery cannot read it: {type(error).__name__}")

        return on_message

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        self._bury(message, DeadLetterReason.UNDECODABLE, _undecodable(exc))

    def _objection(self, message: Message) -> tuple[DeadLetterReason, str] | None:
        """Why `message` must not reach Celery, or None."""
        if len(message.body) > MAX_BATCH_BYTES:
            return DeadLetterReason.INVALID_MESSAGE, f"the body is larger than {MAX_BATCH_BYTES} bytes"
        try:
            payload = message.payload
        except Exception as error:  # noqa: BLE001 - kombu lets through whatever the decoder raised
            return DeadLetterReason.UNDECODABLE, _undecodable(error)
        if fault := fault_of_message(message.headers, message.properties, payload):
            return DeadLetterReason.INVALID_MESSAGE, fault
        task = message.headers["task"]
        if task not in self.strategies or task.startswith(CELERY_TASKS) or task == names.HANDLE_GATHERED:
            return DeadLetterReason.UNKNOWN_TASK, f"there is no task {task!r}"
        return None

    def _bury(self, message: Message, reason: DeadLetterReason, detail: str) -> None:
        log.error("dead_letter", reason=reason, detail=detail)
        try:
            bury_messages(engine(), redis(), [letter_of(message, reason, detail)])
        except (DatabaseUnavailable, ConcurrentWrite):
            # Nothing else can be handled either while the database is away; back to the queue, without a hot loop.
            time.sleep(UNAVAILABLE_PAUSE_SECONDS)
            message.reject_log_error(log, self.connection_errors, requeue=True)
        else:
            message.ack_log_error(log, self.connection_errors)


def _undecodable(error: Exception) -> str:
    """`repr` of a UnicodeDecodeError shows the whole body, and the secrets in it, to logs."""
    cause = next((argument for argument in error.args if isinstance(argument, Exception)), error)
    return f"the body {fault_of_json(cause)}"
