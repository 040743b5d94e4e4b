"""Every status of a job group, as a pure function of what was asked of it and how far its jobs are."""

from dataclasses import dataclass, fields
from enum import StrEnum


class Intent(StrEnum):
    """What the group's owners last asked for."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Status(StrEnum):
    """What the group is doing."""

    DRAFT = "draft"  # accepts jobs, dispatches none until started
    QUEUED = "queued"  # started; nothing has been dispatched yet
    PROCESSING = "processing"  # at least one job was dispatched and the batch is not through
    PAUSED = "paused"  # dispatches nothing more; jobs under way may finish
    AWAITING_REVIEW = "awaiting_review"  # every job is through but those a person must look at
    COMPLETED = "completed"  # sealed and every job succeeded or was skipped
    COMPLETED_WITH_ERRORS = "completed_with_errors"  # sealed, some jobs succeeded and some did not
    FAILED = "failed"  # sealed and no job succeeded
    CANCELLING = "cancelling"  # cancelled, waiting for the jobs under way
    CANCELLED = "cancelled"  # cancelled and nothing under way
    EXPIRED = "expired"  # ran out of time


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs of a group are in each status; a job is in exactly one."""

    queued: int = 0
    processing: int = 0
    needs_review: int = 0
    succeeded: int = 0
    rejected: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, bucket.name) for bucket in fields(self))

    @property
    def open(self) -> int:
        """Jobs that something or somebody still has to work on."""
        return self.queued + self.processing + self.needs_review

    @property
    def percent_complete(self) -> float:
        """Share of jobs that are through, 0 to 100, rounded to one decimal; 0 for a group without jobs."""
        return round(100 * (self.total - self.open) / self.total, 1) if self.total else 0.0


NO_JOBS = Counts()


def status_of(intent: Intent, counts: Counts, *, sealed: bool) -> Status:
    """Return the status that follows from `intent`, the job counts, and whether the group is sealed (no more jobs)."""
    match intent:
        case Intent.CANCELLED:
            return Status.CANCELLING if counts.processing else Status.CANCELLED
        case Intent.EXPIRED:
            return Status.EXPIRED
    if sealed and not counts.open:
        return _finished(counts)
    if intent is Intent.DRAFT:
        return Status.DRAFT
    if intent is Intent.PAUSED:
        return Status.PAUSED
    return _working(counts, sealed=sealed)


def _working(counts: Counts, *, sealed: bool) -> Status:
    if sealed and counts.open == counts.needs_review:
        return Status.AWAITING_REVIEW
    return Status.QUEUED if counts.total == counts.queued else Status.PROCESSING


def _finished(counts: Counts) -> Status:
    if counts.succeeded + counts.skipped == counts.total:
        return Status.COMPLETED
    return Status.COMPLETED_WITH_ERRORS if counts.succeeded else Status.FAILED
