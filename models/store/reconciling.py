"""Proof that the counts in the groups' rows are those of the jobs' rows, and the mending of those that are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, or_, select, update

from models.lifecycle import Counts, JobStatus
from models.store.tables import job_groups, jobs


@dataclass(frozen=True, slots=True)
class Drift:
    """A group whose counts are not those of its jobs."""

    group_id: UUID
    stored: Counts
    actual: Counts


def find_drift(connection: Connection) -> list[Drift]:
    """Return every group whose stored counts differ from its jobs, in one consistent look at the database."""
    return [_drift(row) for row in connection.execute(_differing()).mappings()]


def repair(connection: Connection, group_ids: Sequence[UUID]) -> None:
    """Give the groups the counts of their jobs, under the lock that every command takes."""
    for group_id in sorted(group_ids):
        connection.execute(select(job_groups.c.id).where(job_groups.c.id == group_id).with_for_update(key_share=True))
        actual = _actual().where(jobs.c.group_id == group_id).subquery()
        counted = connection.execute(select(actual)).mappings().one_or_none()
        values = {f"{bucket}_count": counted[bucket] if counted else 0 for bucket in Counts.__slots__}
        connection.execute(update(job_groups).where(job_groups.c.id == group_id).values(values))


def _differing() -> Select[*tuple[Any, ...]]:
    actual = _actual().subquery("actual")
    columns = [func.coalesce(actual.c[bucket], 0).label(f"actual_{bucket}") for bucket in Counts.__slots__]
    differs: list[ColumnElement[bool]] = [
        job_groups.c[f"{bucket}_count"] != func.coalesce(actual.c[bucket], 0) for bucket in Counts.__slots__
    ]
    stored = [job_groups.c[f"{bucket}_count"] for bucket in Counts.__slots__]
    joined = job_groups.outerjoin(actual, actual.c.group_id == job_groups.c.id)
    return select(job_groups.c.id, *stored, *columns).select_from(joined).where(or_(*differs)).order_by(job_groups.c.id)


def _actual() -> Select[*tuple[Any, ...]]:
    buckets = [func.count().filter(jobs.c.status == status).label(status.value) for status in JobStatus]
    return select(jobs.c.group_id, *buckets).group_by(jobs.c.group_id)


def _drift(row: RowMapping) -> Drift:
    stored = Counts(**{bucket: row[f"{bucket}_count"] for bucket in Counts.__slots__})
    actual = Counts(**{bucket: row[f"actual_{bucket}"] for bucket in Counts.__slots__})
    return Drift(row["id"], stored, actual)
