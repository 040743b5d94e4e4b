"""A Celery request whose task cannot end the worker by running out of memory."""

from typing import Any

import structlog
from billiard.einfo import ExceptionWithTraceback
from billiard.pool import MaybeEncodingError
from celery.worker.request import Request
from celery.worker.state import task_ready

from models import names
from models.dead_letter import DeadLetterReason
from models.store.attempts import count_attempt
from models.store.engine import DatabaseUnavailable
from models.store.unit_of_work import ConcurrentWrite
from tasks.attempts import MAX_ATTEMPT_COUNT
from tasks.connections import engine, redis
from tasks.dead_letters import bury_messages
from workers.letters import letter_of

log = structlog.get_logger()


class GuardedRequest(Request):
    """Delivers a message again whose task had no memory left for Celery's own part of it, or for its answer.

    Celery's own raises a child's MemoryError once more in the main process, which ends it and so every child's work. An
    answer that cannot be written it takes for the task's failure: it acknowledges a message that nobody may have
    handled.
    """

    argsrepr = ""

    @property
    def kwargsrepr(self) -> str:
        """What Flower shows. A sender's Celery writes the data there, with the secrets in them."""
        return str(self._kwargsrepr) if self.name == names.HANDLE_GATHERED else ""

    def on_failure(self, exc_info: Any, **how: Any) -> None:
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if isinstance(error, MemoryError | MaybeEncodingError):
            log.error("no_memory_for_task", task=self.name, task_id=self.id)
            task_ready(self)
            self._try_again()
        else:
            super().on_failure(exc_info, **how)

    def _try_again(self) -> None:
        """Counted here, by the message's id: the task may never come as far as counting its commands."""
        try:
            with engine().begin() as connection:
                count = count_attempt(connection, self.id)
            if count > MAX_ATTEMPT_COUNT:
                detail = f"there was no memory for it in {count} attempts"
                bury_messages(engine(), redis(), [letter_of(self.message, DeadLetterReason.DELIVERY_LIMIT, detail)])
        except (DatabaseUnavailable, ConcurrentWrite):
            self.reject(requeue=True)
        else:
            self._settle(count)

    def _settle(self, count: int) -> None:
        if 0 < count <= MAX_ATTEMPT_COUNT:
            self.reject(requeue=True)
        else:  # among the dead letters, or done: its outcome is in the inbox
            self.acknowledge()
