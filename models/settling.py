"""What follows from the state that a group has reached, whichever command brought it there. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from models.counts import CountsResource
from models.event import GroupEvent
from models.events import JobGroupAwaitingReview, JobGroupCancelled, JobGroupCompleted, JobGroupEvent
from models.job import Job, dispatch, end_with_group
from models.job_group import JobGroup
from models.lifecycle import FINISHED, Intent, Status

_ENDED = FINISHED | {Status.CANCELLED}


def conclude(before: Status | None, group: JobGroup) -> list[JobGroupEvent]:
    """Return the event that tells of the status which `group` has reached since it was in `before`.

    An end is told once per generation: `finished_at` remembers it.
    """
    if group.deleted_at is not None:
        return []
    status = group.status
    about: dict[str, Any] = {"group_id": group.id, "version": group.version, "status": status}
    if status is Status.AWAITING_REVIEW and before is not Status.AWAITING_REVIEW:
        return [JobGroupAwaitingReview(**about, needs_review=group.counts.needs_review)]
    if group.finished_at is not None or status not in _ENDED:
        return []
    ended = {**about, "generation": group.generation, "counts": CountsResource.of(group.counts)}
    if status is Status.CANCELLED:
        return [JobGroupCancelled(**ended)]
    return [JobGroupCompleted(**ended, outcome=status)]


def is_swept(group: JobGroup) -> bool:
    """Whether the queued jobs of `group` end with it."""
    return group.intent in (Intent.CANCELLED, Intent.EXPIRED) and group.counts.queued > 0


def sweep(group: JobGroup, queued: Iterable[Job]) -> list[GroupEvent]:
    """Return the end of the jobs that a cancelled or expired group had in its queue."""
    return [end_with_group(job, group.intent, group.version) for job in queued]


def fill(group: JobGroup, due: Iterable[Job], version: int, now: datetime) -> list[GroupEvent]:
    """Return the dispatch of as many of `due`, which are in their order, as `group` has room for."""
    return [dispatch(job, group.fields, version, now) for job, _ in zip(due, range(group.room), strict=False)]
