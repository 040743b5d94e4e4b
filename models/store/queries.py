"""What can be read of groups, jobs and outcomes. Deleted groups are never seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, and_, any_, bindparam, cast, false, func, literal, select, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.visitors import iterate

from models.contract import storable_text
from models.job import Job
from models.job_group import JobGroup
from models.lifecycle import JobStatus
from models.outcome import HandledCommand, Outcome
from models.resources import JobResource
from models.store.estimates import estimate_count
from models.store.filters import parse_filter
from models.store.group_rows import group_of
from models.store.job_rows import job_of
from models.store.outbox import cloud_event_of
from models.store.paging import Page, Paging, Selection, read_page
from models.store.sorting import Direction, Order, group_order, job_order
from models.store.tables import QUEUED, commands, events, job_groups, jobs
from models.store.words import search_queries

_LIVING = job_groups.c.deleted_at.is_(None)
# What is inside the first three PostgreSQL has no statistics of that are true of rare values; when something happened
# goes along with where in the list it is, which it does not know either.
_GUESSED = frozenset(
    job_groups.c[name]
    for name in ("search", "tags", "metadata", "updated_at", "started_at", "paused_at", "finished_at", "expires_at")
)
_GROUP_COLUMNS = [column for column in job_groups.c if column is not job_groups.c.search]
# One array parameter, so that the statement is the same, and prepared once, for any number of ids.
_IDS: Any = bindparam("ids", type_=ARRAY(Uuid))
_GROUPS_BY_ID = select(*_GROUP_COLUMNS).where(job_groups.c.id == any_(_IDS), _LIVING)


@dataclass(frozen=True, slots=True)
class Listing(Paging):
    """A page of a list in an order, of those that `filter` and `search` leave.

    `sort` is a field by its name on the wire, see :mod:`models.store.sorting`; nulls come last in both directions, and
    equal groups in the order of their creation, equal jobs in that of their ids. `filter` is JSON, see
    :mod:`models.store.filters`; jobs take neither it nor `search`.
    """

    sort: str = "createdAt"
    order: Direction = "desc"
    filter: str | None = None
    search: str | None = None


async def list_groups(connection: AsyncConnection, listing: Listing) -> Page[JobGroup]:
    """Return a page of the groups.

    Raises ValidationFailed naming `sort`, `cursor`, or what is wrong in `filter`.
    """
    order = group_order(listing.sort, listing.order)
    filtered, found = _filtered(listing.filter), _found(listing.search)
    wanted = and_(filtered, *found)
    is_guesswork = not _GUESSED.difference(order.columns).isdisjoint(iterate(wanted))
    selection = Selection(
        job_groups,
        _GROUP_COLUMNS,
        within=_LIVING,
        order=order,
        wanted=wanted,
        narrowed=and_(filtered, await _rarest(connection, found)) if is_guesswork else None,
        asked=("groups", listing.sort, listing.order, listing.filter, listing.search),
    )
    page = await read_page(connection, selection, listing)
    return page.of([group_of(row) for row in page.items])


async def get_group(connection: AsyncConnection, group_id: UUID) -> JobGroup | None:
    """Return the group, or None if there is none or it was deleted."""
    query = select(*_GROUP_COLUMNS).where(job_groups.c.id == group_id, _LIVING)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else group_of(row)


async def get_groups(connection: AsyncConnection, group_ids: Collection[UUID]) -> dict[UUID, JobGroup]:
    """Return those of the groups that exist and were not deleted, by their ids."""
    rows = await connection.execute(_GROUPS_BY_ID, {"ids": list(group_ids)})
    return {row["id"]: group_of(row) for row in rows.mappings().all()}


async def list_jobs(
    connection: AsyncConnection, group_id: UUID, listing: Listing, status: JobStatus | None = None
) -> Page[JobResource]:
    """Return a page of the group's jobs, of all statuses or of one; the caller has seen that the group is there.

    Raises ValidationFailed naming `sort` or `cursor`.
    """
    asked = ("jobs", str(group_id), listing.sort, listing.order)
    selection = Selection(
        jobs,
        list(jobs.c),
        within=jobs.c.group_id == group_id,
        order=job_order(listing.sort, listing.order),
        wanted=true() if status is None else jobs.c.status == status,
        asked=asked if status is None else (*asked, status),
    )
    page = await read_page(connection, selection, listing)
    return page.of([JobResource.of(job_of(row)) for row in page.items])


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
    connection: AsyncConnection, group_id: UUID, paging: Paging, direction: Direction = "asc"
) -> Page[dict[str, Any]]:
    """Return a page of the group's published events as CloudEvents, in the order of publishing or against it.

    Raises ValidationFailed naming `cursor`.
    """
    published = (events.c.group_id == group_id) & events.c.position.is_not(None)
    order = Order((events.c.position,), descending=direction == "desc")
    asked = ("events", str(group_id), direction)
    selection = Selection(events, list(events.c), within=published, order=order, asked=asked)
    page = await read_page(connection, selection, paging)
    return page.of([cloud_event_of(row) for row in page.items])


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


def _found(search: str | None) -> list[ColumnElement[bool]]:
    """One condition for each word."""
    if search is None or not search.strip():  # an empty search box
        return [true()]
    words = search_queries(search)
    # Only signs, no word: whoever looks for "???" is better told that nothing has it than shown everything.
    return [job_groups.c.search.bool_op("@@")(cast(literal(word, Text), TSQUERY)) for word in words] or [false()]


async def _rarest(connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the one that fewest groups meet. An index asked for several words reads all places of each, and a common
    one has as many as there are groups."""
    if len(conditions) == 1:
        return conditions[0]
    counts = [await estimate_count(connection, select(job_groups.c.id).where(each)) for each in conditions]
    return conditions[counts.index(min(counts))]
