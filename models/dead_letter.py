"""Messages that nobody could handle, kept with the reason."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID


class DeadLetterReason(StrEnum):
    """The closed set of reasons."""

    UNDECODABLE = "undecodable"  # the body is no JSON, or says it is something else
    INVALID_MESSAGE = "invalid_message"  # JSON, but no Celery task message as this service takes them
    UNKNOWN_TASK = "unknown_task"  # a task message for a task that does not exist
    INVALID_COMMAND = "invalid_command"  # no command envelope: no id to answer to, or an unknown type
    HANDLING_FAILED = "handling_failed"  # a fault of this service: the log has the traceback
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"  # it killed its worker each time it was tried
    DELIVERY_LIMIT = "delivery_limit"  # the broker delivered it too often and gave up


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message as it came; `source` is the queue or stream it was read from.

    `detail` is told to whoever reads: it must not quote the message, which may hold secrets.
    """

    reason: DeadLetterReason
    detail: str
    source: str
    body: bytes = field(repr=False)
    headers: dict[str, Any] = field(default_factory=dict, repr=False)
    command_id: str | None = None
    command_type: str | None = None
    group_id: UUID | None = None
