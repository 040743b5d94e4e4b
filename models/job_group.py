"""The job group: its state, and how it evolves with what happens to it and to its jobs. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from models.event import GroupEvent
from models.events import (
    JobGroupAwaitingReview,
    JobGroupCancelling,
    JobGroupCreated,
    JobGroupDeleted,
    JobGroupEnded,
    JobGroupExpired,
    JobGroupJobsAdded,
    JobGroupPaused,
    JobGroupReopened,
    JobGroupResumed,
    JobGroupSealed,
    JobGroupStarted,
    JobGroupUpdated,
)
from models.fields import JobGroupFields
from models.job_events import JobEvent
from models.lifecycle import NO_JOBS, Counts, Intent, Status, status_of


@dataclass(frozen=True, slots=True)
class JobGroup:
    """One batch of invoices.

    `version` counts the commands that had an effect on the group, `sequence` its events, both from 1 without a gap.
    A deleted group stays as a tombstone, so that its id is never used again.
    """

    id: UUID
    fields: JobGroupFields
    intent: Intent
    created_at: datetime
    updated_at: datetime
    version: int
    sequence: int
    generation: int = 1
    sealed: bool = False
    counts: Counts = NO_JOBS
    status_reason: str | None = None
    started_at: datetime | None = None
    paused_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def status(self) -> Status:
        return status_of(self.intent, self.counts, sealed=self.sealed)

    @property
    def room(self) -> int:
        """How many of the queued jobs may be dispatched now."""
        if self.intent is not Intent.ACTIVE or self.deleted_at is not None:
            return 0
        limit = self.fields.processing_settings.max_concurrency
        return self.counts.queued if limit is None else min(self.counts.queued, max(0, limit - self.counts.processing))


def event_fields(group: JobGroup) -> dict[str, Any]:
    """Return the fields of every group event, for one that leaves `group` as it is here but for its version."""
    return {"group_id": group.id, "version": group.version + 1, "status": group.status}


def evolve(group: JobGroup | None, event: GroupEvent, occurred_at: datetime) -> JobGroup:
    """Return `group` as it is after `event`, which happened at `occurred_at` to it or to one of its jobs."""
    if isinstance(event, JobGroupCreated):
        return _created(event, occurred_at)
    if group is None:
        raise TypeError(f"{type(event).__name__} has no group to happen to")
    counts = group.counts
    if isinstance(event, JobEvent):
        counts = counts.moved(event.previous_status, event.to)
    group = replace(group, version=event.version, sequence=group.sequence + 1, updated_at=occurred_at, counts=counts)
    return group if isinstance(event, JobEvent) else _changed(group, event, occurred_at)


def _changed(group: JobGroup, event: GroupEvent, occurred_at: datetime) -> JobGroup:  # noqa: C901 - flat
    match event:
        case JobGroupUpdated():
            return replace(group, fields=event.group, expires_at=expiry(event.group, _time_began(group, occurred_at)))
        case JobGroupDeleted():
            return replace(group, deleted_at=occurred_at)
        case JobGroupStarted():
            return replace(group, intent=Intent.ACTIVE, started_at=occurred_at)
        case JobGroupPaused():
            return replace(group, intent=Intent.PAUSED, paused_at=occurred_at)
        case JobGroupResumed():
            return replace(group, intent=Intent.ACTIVE, paused_at=None)
        case JobGroupSealed():
            return replace(group, sealed=True)
        case JobGroupJobsAdded():
            return replace(group, counts=replace(group.counts, queued=group.counts.queued + len(event.jobs)))
        case JobGroupCancelling():
            return replace(group, intent=Intent.CANCELLED, status_reason=event.reason)
        case JobGroupExpired():
            return replace(group, intent=Intent.EXPIRED, finished_at=occurred_at)
        case JobGroupEnded():
            return replace(group, finished_at=occurred_at)
        case JobGroupReopened():
            return _reopened(group, event, occurred_at)
        case JobGroupAwaitingReview():
            return group
        case _:
            raise TypeError(f"no evolution for {type(event).__name__}")


def _created(event: JobGroupCreated, occurred_at: datetime) -> JobGroup:
    intent = first_intent(event.group)
    return JobGroup(
        id=event.group_id,
        fields=event.group,
        intent=intent,
        created_at=occurred_at,
        updated_at=occurred_at,
        version=event.version,
        sequence=1,
        started_at=occurred_at if intent is Intent.ACTIVE else None,
        expires_at=expiry(event.group, occurred_at),
    )


def _reopened(group: JobGroup, event: JobGroupReopened, occurred_at: datetime) -> JobGroup:
    intent = reopened_intent(group)
    return replace(
        group,
        intent=intent,
        generation=event.generation,
        sealed=event.sealed,
        status_reason=None,
        finished_at=None,
        paused_at=None,
        started_at=group.started_at or (occurred_at if intent is Intent.ACTIVE else None),
        # A reopened group has its time again; else an expired one would expire at once.
        expires_at=expiry(group.fields, occurred_at),
    )


def _time_began(group: JobGroup, now: datetime) -> datetime:
    """Since when the time of `group` runs: its creation, or the last time it was reopened."""
    seconds = group.fields.processing_settings.expires_after_seconds
    if group.expires_at is not None and seconds is not None:
        return group.expires_at - timedelta(seconds=seconds)
    return group.created_at if group.generation == 1 else now


def first_intent(fields: JobGroupFields) -> Intent:
    """Return the intent with which a new group begins."""
    return Intent.ACTIVE if fields.processing_settings.auto_start else Intent.DRAFT


def reopened_intent(group: JobGroup) -> Intent:
    """Return the intent with which an ended group goes on; a draft, which can end empty, still waits to be started."""
    return Intent.DRAFT if group.intent is Intent.DRAFT else Intent.ACTIVE


def expiry(fields: JobGroupFields, since: datetime) -> datetime | None:
    """Return when a group runs out of time whose time began at `since`; None for never."""
    seconds = fields.processing_settings.expires_after_seconds
    return None if seconds is None else since + timedelta(seconds=seconds)
