"""What can be read of groups, jobs and outcomes. Deleted groups are never seen."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    RowMapping,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.contract import storable_text
from models.job import Job
from models.job_group import JobGroup
from models.outcome import HandledCommand, Outcome
from models.resources import JobResource
from models.store.filters import parse_filter
from models.store.group_rows import group_of
from models.store.job_rows import job_of
from models.store.outbox import cloud_event_of
from models.store.sorting import Direction, group_order, job_order
from models.store.tables import QUEUED, commands, events, job_groups, jobs
from models.store.words import search_query

_MAX_OFFSET = 2**63 - 1
"""PostgreSQL's bound; nothing is that far down any list."""

_LIVING = job_groups.c.deleted_at.is_(None)
_GROUP_COLUMNS = [column for column in job_groups.c if column is not job_groups.c.search]
# One array parameter, so that the statement is the same, and prepared once, for any number of ids.
_IDS: Any = bindparam("ids", type_=ARRAY(Uuid))
_GROUPS_BY_ID = select(*_GROUP_COLUMNS).where(job_groups.c.id == any_(_IDS), _LIVING)


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list: at most `limit` items after the first `offset`, of those that `filter` and `search` leave.

    `sort` is a field by its name on the wire, see :mod:`models.store.sorting`; nulls come last in both directions and
    equals are in the order of their ids. `filter` is JSON, see :mod:`models.store.filters`; jobs take neither it nor
    `search`.
    """

    limit: int = 50
    offset: int = 0
    sort: str = "createdAt"
    order: Direction = "desc"
    filter: str | None = None
    search: str | None = None


async def list_groups(connection: AsyncConnection, listing: Listing) -> tuple[list[JobGroup], int]:
    """Return the groups on the page, and how many there are on all pages.

    Raises ValidationFailed naming `sort`, or what is wrong in `filter`.
    """
    order = group_order(listing.sort, listing.order)
    wanted = and_(_LIVING, _filtered(listing.filter), _found(listing.search))
    rows, total = await page(connection, select(*_GROUP_COLUMNS).where(wanted).order_by(*order), listing)
    return [group_of(row) for row in rows], total


async def get_group(connection: AsyncConnection, group_id: UUID) -> JobGroup | None:
    """Return the group, or None if there is none or it was deleted."""
    query = select(*_GROUP_COLUMNS).where(job_groups.c.id == group_id, _LIVING)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else group_of(row)


async def get_groups(connection: AsyncConnection, group_ids: Collection[UUID]) -> dict[UUID, JobGroup]:
    """Return those of the groups that exist and were not deleted, by their ids."""
    rows = await connection.execute(_GROUPS_BY_ID, {"ids": list(group_ids)})
    return {row["id"]: group_of(row) for row in rows.mappings()}


async def list_jobs(connection: AsyncConnection, group_id: UUID, listing: Listing) -> tuple[list[JobResource], int]:
    """Return the jobs on the page, and how many the group has; the caller has seen that the group is there.

    Raises ValidationFailed naming `sort`.
    """
    order = job_order(listing.sort, listing.order)
    rows, total = await page(connection, select(jobs).where(jobs.c.group_id == group_id).order_by(*order), listing)
    return [JobResource.of(job_of(row)) for row in rows], total


async def get_job(connection: AsyncConnection, group_id: UUID, job_id: UUID) -> Job | None:
    """Return the job, or None if the group, which the caller has seen, has none of that id."""
    query = select(jobs).where(jobs.c.group_id == group_id, jobs.c.id == job_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else job_of(row)


async def next_attempt_at(connection: AsyncConnection, group_id: UUID) -> datetime | None:
    """Return when the first of the group's queued jobs that wait for another attempt may have it."""
    waiting = QUEUED & jobs.c.next_attempt_at.is_not(None)
    query = select(func.min(jobs.c.next_attempt_at)).where(jobs.c.group_id == group_id, waiting)
    found: datetime | None = (await connection.execute(query)).scalar_one()
    return found


async def count_ahead(connection: AsyncConnection, job: Job) -> int:
    """Return how many queued jobs of its group come before `job`."""
    earlier = QUEUED & (jobs.c.number < job.number)
    query = select(func.count()).select_from(jobs).where(jobs.c.group_id == job.group_id, earlier)
    return (await connection.execute(query)).scalar_one()


async def list_history(
    connection: AsyncConnection, group_id: UUID, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """Return the page of the group's published events, oldest first, as CloudEvents, and how many there are."""
    published = select(events).where(events.c.group_id == group_id, events.c.position.is_not(None))
    listing = Listing(limit=limit, offset=offset)
    rows, total = await page(connection, published.order_by(events.c.position), listing)
    return [cloud_event_of(row) for row in rows], total


async def get_handled(connection: AsyncConnection, command_id: str) -> HandledCommand | None:
    """Return the command that has its outcome under this id, or None if there is none yet."""
    try:
        storable_text(command_id)
    except ValueError:  # no command was ever stored under such an id, and the driver would not take it
        return None
    query = select(commands.c.fingerprint, commands.c.outcome).where(commands.c.id == command_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else HandledCommand(row.fingerprint, Outcome.model_validate(row.outcome))


def _filtered(filter_: str | None) -> ColumnElement[bool]:
    return true() if filter_ is None else parse_filter(filter_)


def _found(search: str | None) -> ColumnElement[bool]:
    if search is None or not search.strip():  # an empty search box
        return true()
    query = search_query(search)
    # Only signs, no word: whoever looks for "???" is better told that nothing has it than shown everything.
    return false() if query is None else job_groups.c.search.bool_op("@@")(cast(literal(query, Text), TSQUERY))


async def page(
    connection: AsyncConnection, query: Select[*tuple[Any, ...]], listing: Listing
) -> tuple[list[RowMapping], int]:
    """Return the rows of `query` on the page, and how many there are on all pages."""
    offset = min(listing.offset, _MAX_OFFSET)
    found = await connection.execute(query.limit(listing.limit).offset(offset))
    rows = list(found.mappings())
    if len(rows) < listing.limit and (rows or not offset):  # the end of the list is on this page: no need to count
        return rows, offset + len(rows)
    counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    return rows, (await connection.execute(counted)).scalar_one()
