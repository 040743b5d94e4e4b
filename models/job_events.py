"""What happens to jobs."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from models import names
from models.event import GroupEvent
from models.fields import Priority
from models.job_commands import Document, JobError
from models.lifecycle import JobStatus


class JobEvent(GroupEvent):
    """A job went from `previousStatus` to another; `attempt` is the last one that was dispatched, 0 if none was."""

    to: ClassVar[JobStatus]

    job_id: UUID
    external_id: str | None
    attempt: int
    previous_status: JobStatus


class JobDispatched(JobEvent):
    """An engine should read the document now and report on this attempt before the lease expires."""

    name = names.JOB_DISPATCHED
    to = JobStatus.PROCESSING
    document: Document
    metadata: dict[str, Any]
    template: str
    priority: Priority
    settings: dict[str, Any]
    lease_expires_at: datetime

    @property
    def routing_key(self) -> str:
        """Engines bind by priority."""
        return f"{self.name}.{self.priority}"


class JobSucceeded(JobEvent):
    """The result stands; by `reviewer` where a person accepted it."""

    name = names.JOB_SUCCEEDED
    to = JobStatus.SUCCEEDED
    confidence: float | None
    result: dict[str, Any] | None
    reviewer: str | None = None


class JobNeedsReview(JobEvent):
    """A person must accept or reject the result."""

    name = names.JOB_NEEDS_REVIEW
    to = JobStatus.NEEDS_REVIEW
    confidence: float | None
    result: dict[str, Any] | None


class JobRejected(JobEvent):
    """A reviewer did not accept the result."""

    name = names.JOB_REJECTED
    to = JobStatus.REJECTED
    reviewer: str


class JobFailed(JobEvent):
    """There will be no further attempt."""

    name = names.JOB_FAILED
    to = JobStatus.FAILED
    error: JobError


class JobRetryScheduled(JobEvent):
    """There will be another attempt, not before `nextAttemptAt` (null: as soon as there is room)."""

    name = names.JOB_RETRY_SCHEDULED
    to = JobStatus.QUEUED
    error: JobError | None
    next_attempt_at: datetime | None
    max_attempts: int


class JobCancelled(JobEvent):
    """The job ended with its cancelled group."""

    name = names.JOB_CANCELLED
    to = JobStatus.CANCELLED


class JobExpired(JobEvent):
    """The job ended with its expired group."""

    name = names.JOB_EXPIRED
    to = JobStatus.EXPIRED


class JobSkipped(JobEvent):
    """The document is a duplicate of another of the group."""

    name = names.JOB_SKIPPED
    to = JobStatus.SKIPPED
