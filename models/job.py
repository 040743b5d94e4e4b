"""One OCR job: its state, and what a report, a review, a lapsed lease or free room makes of it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models.fields import JobGroupFields, ProcessingSettings
from models.job_commands import Document, JobError, NewJob, Report, ReviewJob
from models.job_events import (
    JobCancelled,
    JobDispatched,
    JobEvent,
    JobExpired,
    JobFailed,
    JobNeedsReview,
    JobRejected,
    JobRetryScheduled,
    JobSkipped,
    JobSucceeded,
)
from models.lifecycle import Intent, JobStatus

LEASE_LAPSED = JobError(code="lease_expired", message="the engine did not report in time", retryable=True)
UNEXPLAINED = JobError(code="failed", message="the engine gave no reason", retryable=True)

SCHEDULING_KEYS = frozenset(ProcessingSettings.model_fields) - {"languages", "extract_line_items"}
"""What the service itself obeys; everything else in the settings is for the engine."""


@dataclass(frozen=True, slots=True)
class Job:
    """One invoice document of a group.

    `number` counts the group's jobs in the order they were added, from 1: the order of dispatch. `attempts` counts
    dispatches and never goes back, so that a report of an earlier attempt is always told from one of the current.
    """

    id: UUID
    group_id: UUID
    number: int
    external_id: str | None
    document: Document
    metadata: dict[str, Any]
    max_attempts: int
    created_at: datetime
    updated_at: datetime
    status: JobStatus = JobStatus.QUEUED
    attempts: int = 0
    next_attempt_at: datetime | None = None
    lease_expires_at: datetime | None = None
    confidence: float | None = None
    result: dict[str, Any] | None = None
    error: JobError | None = None
    dispatched_at: datetime | None = None
    finished_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether it waits for nothing but room."""
        return self.status is JobStatus.QUEUED and (self.next_attempt_at is None or self.next_attempt_at <= now)

    def is_overdue(self, now: datetime) -> bool:
        """Whether the engine that has it let its lease lapse."""
        lease = self.lease_expires_at
        return self.status is JobStatus.PROCESSING and lease is not None and lease <= now


def new_job(asked: NewJob, group_id: UUID, number: int, settings: ProcessingSettings, now: datetime) -> Job:
    """Return the queued job that `asked` makes."""
    return Job(
        id=asked.id,
        group_id=group_id,
        number=number,
        external_id=asked.external_id,
        document=asked.document,
        metadata=asked.metadata,
        max_attempts=settings.max_attempts,
        created_at=now,
        updated_at=now,
    )


def dispatch(job: Job, fields: JobGroupFields, version: int, now: datetime) -> JobDispatched:
    """Return the event that hands `job` to an engine, under a lease."""
    settings = fields.processing_settings
    return JobDispatched(
        **{**_about(job, version), "attempt": job.attempts + 1},
        document=job.document,
        metadata=job.metadata,
        template=fields.template,
        priority=fields.priority,
        settings=_for_the_engine(settings),
        lease_expires_at=now + timedelta(seconds=settings.job_timeout_seconds),
    )


def take_report(
    job: Job, report: Report, intent: Intent, settings: ProcessingSettings, version: int, now: datetime
) -> JobEvent | None:
    """Return what `report` makes of `job`, or None where it is of another attempt than the current, or a repetition."""
    if job.status is not JobStatus.PROCESSING or job.attempts != report.attempt:
        return None
    if intent in (Intent.CANCELLED, Intent.EXPIRED):
        return end_with_group(job, intent, version)
    if report.status == "failed":
        return _fail(job, report.error or UNEXPLAINED, settings, version, now)
    read = JobSucceeded if _is_trusted(report.confidence, settings) else JobNeedsReview
    return read(**_about(job, version), confidence=report.confidence, result=report.result)


def lapse(job: Job, intent: Intent, settings: ProcessingSettings, version: int, now: datetime) -> JobEvent:
    """Return what becomes of `job` when its engine let the lease lapse: the attempt has failed."""
    if intent in (Intent.CANCELLED, Intent.EXPIRED):
        return end_with_group(job, intent, version)
    return _fail(job, LEASE_LAPSED, settings, version, now)


def take_review(job: Job, review: ReviewJob, version: int) -> JobEvent:
    """Return what the reviewer's word makes of `job`."""
    about = _about(job, version)
    if review.decision == "reject":
        return JobRejected(**about, reviewer=review.reviewer)
    return JobSucceeded(**about, confidence=job.confidence, result=job.result, reviewer=review.reviewer)


def requeue(job: Job, settings: ProcessingSettings, version: int) -> JobRetryScheduled:
    """Return the event that gives `job` as many attempts again as a new one has."""
    return JobRetryScheduled(
        **_about(job, version), error=None, next_attempt_at=None, max_attempts=job.attempts + settings.max_attempts
    )


def skip(job: Job, version: int) -> JobSkipped:
    """Return the event that leaves out `job`, a duplicate."""
    return JobSkipped(**_about(job, version))


def end_with_group(job: Job, intent: Intent, version: int) -> JobEvent:
    """Return the end of `job` in a cancelled or expired group."""
    ending = JobExpired if intent is Intent.EXPIRED else JobCancelled
    return ending(**_about(job, version))


def evolve_job(job: Job, event: JobEvent, occurred_at: datetime) -> Job:
    """Return `job` as it is after `event`."""
    idle: dict[str, Any] = {"lease_expires_at": None, "next_attempt_at": None}
    return replace(job, status=event.to, updated_at=occurred_at, **(idle | _changes(job, event, occurred_at)))


def _changes(job: Job, event: JobEvent, occurred_at: datetime) -> dict[str, Any]:
    match event:
        case JobDispatched():
            lease = {"attempts": event.attempt, "lease_expires_at": event.lease_expires_at}
            return {**lease, "dispatched_at": occurred_at, "error": None}
        case JobRetryScheduled():
            # What an earlier attempt read, and a reviewer rejected, must not pass for the result of a later one.
            forgotten = {"confidence": None, "result": None, "finished_at": None}
            due = {"next_attempt_at": event.next_attempt_at, "max_attempts": event.max_attempts}
            return {**forgotten, **due, "error": event.error or job.error}
        case JobNeedsReview():
            return {"confidence": event.confidence, "result": event.result}
        case JobSucceeded():
            return {"confidence": event.confidence, "result": event.result, "finished_at": occurred_at}
        case JobFailed():
            return {"error": event.error, "finished_at": occurred_at}
        case _:
            return {"finished_at": occurred_at}


def _about(job: Job, version: int) -> dict[str, Any]:
    return {
        "group_id": job.group_id,
        "version": version,
        "job_id": job.id,
        "external_id": job.external_id,
        "attempt": job.attempts,
        "previous_status": job.status,
    }


def _for_the_engine(settings: ProcessingSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude=set(SCHEDULING_KEYS))


def _is_trusted(confidence: float | None, settings: ProcessingSettings) -> bool:
    if settings.automation == "confident":
        return confidence is not None and confidence >= settings.confidence_threshold
    return settings.automation == "always"


def _fail(job: Job, error: JobError, settings: ProcessingSettings, version: int, now: datetime) -> JobEvent:
    if not error.retryable or job.attempts >= job.max_attempts:
        return JobFailed(**_about(job, version), error=error)
    return JobRetryScheduled(
        **_about(job, version),
        error=error,
        next_attempt_at=now + backoff(job.attempts, settings),
        max_attempts=job.max_attempts,
    )


def backoff(attempts: int, settings: ProcessingSettings) -> timedelta:
    """Return the wait after `attempts` attempts."""
    rule = settings.retry_backoff
    # Bounded, because a power of a large factor overflows before `maxSeconds` can bound it.
    steps = min(attempts - 1, 64)
    return timedelta(seconds=min(rule.max_seconds, rule.initial_seconds * rule.factor**steps))
