"""The orders in which groups and jobs can be listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, UnaryExpression

from models.errors import FieldError, ValidationFailed
from models.store.tables import job_groups, jobs

Direction = Literal["asc", "desc"]

GROUP_SORTS: dict[str, Column[Any]] = {
    "createdAt": job_groups.c.created_at,
    "updatedAt": job_groups.c.updated_at,
    "startedAt": job_groups.c.started_at,
    "finishedAt": job_groups.c.finished_at,
    "expiresAt": job_groups.c.expires_at,
    "name": job_groups.c.name,
    "batchNumber": job_groups.c.batch_number,
    "template": job_groups.c.template,
    "priority": job_groups.c.priority,
    "status": job_groups.c.status,
    "createdBy": job_groups.c.created_by,
    "assignedTo": job_groups.c.assigned_to,
    "version": job_groups.c.version,
    "generation": job_groups.c.generation,
    "id": job_groups.c.id,
}
"""The fields that groups can be sorted by, by their names on the wire."""

JOB_SORTS: dict[str, Column[Any]] = {
    "number": jobs.c.number,
    "createdAt": jobs.c.created_at,
    "updatedAt": jobs.c.updated_at,
    "finishedAt": jobs.c.finished_at,
    "externalId": jobs.c.external_id,
    "status": jobs.c.status,
    "attempts": jobs.c.attempts,
    "confidence": jobs.c.confidence,
    "id": jobs.c.id,
}
"""The fields that jobs can be sorted by, by their names on the wire."""


@dataclass(frozen=True, slots=True)
class Order:
    """Columns, each all upwards or all downwards, that together tell any two rows apart."""

    columns: tuple[Column[Any], ...]
    descending: bool
    has_nulls: bool = False
    """Whether there may be nulls in the first column; in the others there are none. They come last in both directions,
    and so backwards first."""

    def terms(self, *, backwards: bool = False) -> list[UnaryExpression[Any]]:
        """Return what to order by, for rows that all have a null in the first column or all have none.

        There is no NULLS LAST in it: PostgreSQL would not read an index backwards for it.
        """
        return [column.desc() if self.descending != backwards else column.asc() for column in self.columns]


def group_order(sort: str, direction: Direction) -> Order:
    """Return the order of groups by the field `sort`, equals by their age; raises ValidationFailed if they cannot be
    sorted by it."""
    return _order(GROUP_SORTS, sort, direction, (job_groups.c.created_at, job_groups.c.id))


def job_order(sort: str, direction: Direction) -> Order:
    """Return the order of a group's jobs by the field `sort`; raises ValidationFailed if they have no such order."""
    return _order(JOB_SORTS, sort, direction, (jobs.c.id,))


def _order(
    sorts: Mapping[str, Column[Any]], sort: str, direction: Direction, tie_break: tuple[Column[Any], ...]
) -> Order:
    if sort not in sorts:
        raise ValidationFailed([FieldError(field="sort", message=f"must be one of {', '.join(sorts)}")])
    column = sorts[sort]
    later = () if column is tie_break[-1] else tuple(tied for tied in tie_break if tied is not column)
    return Order((column, *later), direction == "desc", bool(column.nullable))
