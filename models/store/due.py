"""Which groups have something due: lapsed leases, retries after their backoff, time that ran out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Connection, Integer, Select, cast, or_, select, union

from models.lifecycle import Intent
from models.store.tables import PROCESSING, QUEUED, job_groups, jobs


def groups_due(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Return up to `limit` ids of groups for which `job_group.wake` would do something at `now`."""
    due: CompoundSelect[Any] = union(
        _lapsed_leases(now).limit(limit).subquery().select(),
        _due_retries(now).limit(limit).subquery().select(),
        _out_of_time(now).limit(limit).subquery().select(),
    )
    return list(connection.execute(due.limit(limit)).scalars())


def groups_finished(connection: Connection, before: datetime, limit: int) -> list[UUID]:
    """Return up to `limit` ids of groups that ended before `before`, the oldest first."""
    query = _living(select(job_groups.c.id)).where(job_groups.c.finished_at < before)
    return list(connection.execute(query.order_by(job_groups.c.finished_at).limit(limit)).scalars())


def _lapsed_leases(now: datetime) -> Select[UUID]:
    lapsed = PROCESSING & (jobs.c.lease_expires_at <= now)
    return _living(select(jobs.c.group_id).join(job_groups, job_groups.c.id == jobs.c.group_id)).where(lapsed)


def _due_retries(now: datetime) -> Select[UUID]:
    """Only where there is room: a full group is filled by the report that makes room."""
    due = QUEUED & (jobs.c.next_attempt_at <= now)
    concurrency = cast(job_groups.c.processing_settings["maxConcurrency"].astext, Integer)
    room = or_(concurrency.is_(None), job_groups.c.processing_count < concurrency)
    query = _living(select(jobs.c.group_id).join(job_groups, job_groups.c.id == jobs.c.group_id))
    return query.where(due, room, job_groups.c.intent == Intent.ACTIVE)


def _out_of_time(now: datetime) -> Select[UUID]:
    unfinished = job_groups.c.finished_at.is_(None) & (job_groups.c.intent != Intent.CANCELLED)
    return _living(select(job_groups.c.id)).where(job_groups.c.expires_at <= now, unfinished)


def _living(query: Select[UUID]) -> Select[UUID]:
    return query.where(job_groups.c.deleted_at.is_(None))
