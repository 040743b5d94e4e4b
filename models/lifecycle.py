"""Every status of a job group, as a pure function of what was asked of it and how far its jobs are."""

from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter

from models import names


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
    QUEUED = "queued"  # started; every job waits to be dispatched, for the first time or again
    PROCESSING = "processing"  # at least one job was dispatched and the batch is not through
    PAUSED = "paused"  # dispatches nothing more; jobs under way may finish
    AWAITING_REVIEW = "awaiting_review"  # every job is through but those a person must look at
    COMPLETED = "completed"  # sealed and every job succeeded or was skipped
    COMPLETED_WITH_ERRORS = "completed_with_errors"  # sealed, some jobs succeeded and some did not
    FAILED = "failed"  # sealed and no job succeeded
    CANCELLING = "cancelling"  # cancelled, waiting for the jobs under way
    CANCELLED = "cancelled"  # cancelled and nothing under way
    EXPIRED = "expired"  # ran out of time


class JobStatus(StrEnum):
    """Where a job is; each is also a bucket of its group's counts."""

    QUEUED = "queued"  # waits for room, or for its next attempt
    PROCESSING = "processing"  # an engine has it, until its lease expires
    NEEDS_REVIEW = "needs_review"  # a person must accept or reject the result
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"  # by a reviewer
    FAILED = "failed"  # out of attempts, or not worth another
    CANCELLED = "cancelled"  # with its group
    EXPIRED = "expired"  # with its group
    SKIPPED = "skipped"  # a duplicate of another document of the group


RETRYABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED, JobStatus.REJECTED})
"""What `job_group.retry` puts back into the queue."""


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
        return sum(_every_count(self))

    @property
    def open(self) -> int:
        """Jobs that something or somebody still has to work on."""
        return self.queued + self.processing + self.needs_review

    def moved(self, before: JobStatus | None, after: JobStatus) -> "Counts":
        """Return the counts after one job went from `before` (None: it is new) to `after`."""
        changes = {after.value: getattr(self, after) + 1}
        if before is not None and before is not after:
            changes[before.value] = getattr(self, before) - 1
        return self if before is after else replace(self, **changes)

    @property
    def percent_complete(self) -> float:
        """Share of jobs that are through, 0 to 100, rounded to one decimal; 0 for a group without jobs."""
        return round(100 * (self.total - self.open) / self.total, 1) if self.total else 0.0


NO_JOBS = Counts()
_every_count = attrgetter(*Counts.__slots__)

FINISHED = frozenset({Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED})
TERMINAL = FINISHED | {Status.CANCELLED, Status.EXPIRED}
_OPEN = frozenset({Status.DRAFT, Status.QUEUED, Status.PROCESSING, Status.PAUSED, Status.AWAITING_REVIEW})
_WORKING = frozenset({Status.QUEUED, Status.PROCESSING, Status.AWAITING_REVIEW})
_ALL = frozenset(Status)

LEGAL: dict[str, frozenset[Status]] = {
    names.JOB_GROUP_UPDATE: _ALL,
    names.JOB_GROUP_PATCH: _ALL,
    names.JOB_GROUP_DELETE: _ALL,
    names.JOB_GROUP_START: frozenset({Status.DRAFT}),
    names.JOB_GROUP_PAUSE: _WORKING,
    names.JOB_GROUP_RESUME: frozenset({Status.PAUSED}),
    names.JOB_GROUP_CANCEL: _OPEN,
    names.JOB_GROUP_RETRY: _ALL - {Status.DRAFT, Status.QUEUED, Status.COMPLETED, Status.CANCELLING},
    names.JOB_GROUP_SEAL: _OPEN - {Status.AWAITING_REVIEW},
    names.JOB_ADD: _OPEN | FINISHED,
    names.JOB_REPORT: _ALL,
    names.JOB_REVIEW: _ALL,
    names.JOB_GROUP_WAKE: _ALL,
    names.JOB_GROUP_DISABLE_WEBHOOK: _ALL,
}
"""In which statuses of the group each command is legal. In any other it is refused as `illegal_transition`."""


def status_of(intent: Intent, counts: Counts, *, sealed: bool) -> Status:
    """Return the status that follows from `intent`, the job counts, and whether the group is sealed (no more jobs)."""
    match intent:
        case Intent.CANCELLED:
            return Status.CANCELLING if counts.processing or counts.queued else Status.CANCELLED
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
    return Status.QUEUED if counts.queued + counts.skipped == counts.total else Status.PROCESSING


def _finished(counts: Counts) -> Status:
    if counts.succeeded + counts.skipped == counts.total:
        return Status.COMPLETED
    return Status.COMPLETED_WITH_ERRORS if counts.succeeded else Status.FAILED
