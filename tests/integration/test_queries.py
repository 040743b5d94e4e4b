"""The lists and look-ups on a real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from models.commands import CommandEnvelope
from models.errors import ValidationFailed
from models.fields import Priority
from models.job_group import JobGroup
from models.lifecycle import JobStatus
from models.outcome import HandledCommand, succeeded
from models.resources import JobResource
from models.store.engine import make_async_engine
from models.store.paging import Page
from models.store.queries import Listing, get_group, get_groups, get_handled, list_groups, list_jobs
from models.store.sorting import GROUP_SORTS, JOB_SORTS
from models.store.tables import commands, jobs
from tests.integration.filter_reference import shown_of
from tests.integration.sample_groups import START, plain_group, sample_groups, store

pytestmark = pytest.mark.usefixtures("clean_database")

T = TypeVar("T")


def read(database_url: str, query: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Return what `query` gives on a connection of its own."""

    async def connected() -> T:
        engine = make_async_engine(database_url, pool_size=1)
        try:
            async with engine.connect() as connection:
                return await query(connection)
        finally:
            await engine.dispose()

    return asyncio.run(connected())


def listed(database_url: str, **listing: Any) -> tuple[list[JobGroup], int]:
    page = read(database_url, lambda connection: list_groups(connection, Listing(**listing)))
    assert page.total is not None
    return page.items, page.total


def names(database_url: str, **listing: Any) -> list[str]:
    return sorted(group.fields.name for group in listed(database_url, **listing)[0])


def execute(database_url: str, *statements: Any) -> None:
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_group_is_read_as_it_was_stored(database_url: str) -> None:
    groups = sample_groups()
    store(database_url, groups)
    found = {group.id: group for group in listed(database_url, limit=100)[0]}
    assert found == {group.id: group for group in groups}
    assert read(database_url, lambda connection: get_group(connection, groups[0].id)) == groups[0]


def test_there_is_no_group_of_an_unknown_id(database_url: str) -> None:
    assert read(database_url, lambda connection: get_group(connection, UUID(int=404))) is None


def test_the_living_are_read_by_their_ids(database_url: str) -> None:
    one, two, unasked = (plain_group(number) for number in (1, 2, 3))
    deleted = replace(plain_group(4), deleted_at=START)
    store(database_url, [one, two, unasked, deleted])
    ids = [two.id, UUID(int=404), deleted.id, one.id]
    assert read(database_url, lambda connection: get_groups(connection, ids)) == {one.id: one, two.id: two}
    assert read(database_url, lambda connection: get_groups(connection, [])) == {}


def test_the_newest_come_first(database_url: str) -> None:
    store(database_url, [plain_group(number) for number in (2, 1, 3)])
    assert [group.fields.name for group in listed(database_url)[0]] == ["group 3", "group 2", "group 1"]


@pytest.mark.parametrize(
    ("limit", "offset", "numbers"),
    [
        (3, 0, [6, 5, 4]),
        (3, 3, [3, 2, 1]),
        (3, 6, [0]),
        (7, 0, [6, 5, 4, 3, 2, 1, 0]),
        (9, 5, [1, 0]),
        (3, 7, []),
        (3, 10**30, []),
    ],
)
def test_the_total_counts_all_pages(database_url: str, limit: int, offset: int, numbers: list[int]) -> None:
    deleted = replace(plain_group(7), deleted_at=START)
    store(database_url, [*(plain_group(number) for number in range(7)), deleted])
    groups, total = listed(database_url, limit=limit, offset=offset)
    assert [group.id.int - 1 for group in groups] == numbers
    assert total == 7


def test_the_total_counts_what_filter_and_search_leave(database_url: str) -> None:
    store(database_url, [plain_group(number, tags=["odd"] if number % 2 else ["even"]) for number in range(9)])
    groups, total = listed(database_url, limit=2, search="odd", filter='{"createdAt": {"$gt": "2026-01-31T10:30:00Z"}}')
    assert [group.fields.name for group in groups] == ["group 7", "group 5"]
    assert total == 3


def test_an_empty_list_has_no_total(database_url: str) -> None:
    assert listed(database_url) == ([], 0)


def test_a_deleted_group_is_never_seen(database_url: str) -> None:
    deleted = replace(plain_group(1), deleted_at=START)
    store(database_url, [deleted])
    assert listed(database_url) == ([], 0)
    assert listed(database_url, search="group", filter='{"name": "group 1"}') == ([], 0)
    assert read(database_url, lambda connection: get_group(connection, deleted.id)) is None


def sort_key(sort: str, shown: dict[str, Any]) -> Any:
    if sort == "priority":
        return list(Priority).index(shown[sort])
    return datetime.fromisoformat(shown[sort]) if sort.endswith("At") else shown[sort]


def in_order(groups: Sequence[JobGroup], sort: str, *, descending: bool) -> list[UUID]:
    """The ids of `groups` by the field `sort`, nulls last in both directions, equals by their age."""
    shown = [shown_of(group) for group in groups]
    present = [item for item in shown if item[sort] is not None]
    absent = [item for item in shown if item[sort] is None]
    present.sort(key=lambda item: (sort_key(sort, item), item["createdAt"], item["id"]), reverse=descending)
    absent.sort(key=lambda item: (item["createdAt"], item["id"]), reverse=descending)
    return [UUID(item["id"]) for item in present + absent]


def test_every_order_of_groups(database_url: str) -> None:
    groups = sample_groups()
    store(database_url, groups)
    for sort in GROUP_SORTS:
        for order in ("asc", "desc"):
            found = [group.id for group in listed(database_url, limit=100, sort=sort, order=order)[0]]
            assert found == in_order(groups, sort, descending=order == "desc"), (sort, order)


@pytest.mark.parametrize("sort", ["metadata", "created_at", "processingSettings", "search", "deletedAt", ""])
def test_an_unknown_order_is_refused(database_url: str, sort: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        listed(database_url, sort=sort)
    [error] = refused.value.facts["errors"]
    assert error.field == "sort"
    assert "createdAt, updatedAt" in error.message


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("2023", ["march"]),
        ("batch-2023-001", ["march"]),
        ("BATCH 202", ["march"]),
        ("023", []),
        ("march lyon", ["march"]),
        ("march paris", []),
        ("zurich", ["Zürich été"]),
        ("ZÜR ETE", ["Zürich été"]),
        ("vat", ["march", "tagged"]),
        ("urgent-case", ["tagged"]),
        ("template", []),
        ("???", []),
        ("& | ! :* ' \\ <->", []),
        ("\0", []),
        ("march:* | zurich", []),
        ("'march' & !lyon", ["march"]),
        ("", ["Zürich été", "march", "tagged"]),
        ("  ", ["Zürich été", "march", "tagged"]),
        (None, ["Zürich été", "march", "tagged"]),
    ],
)
def test_search(database_url: str, search: str | None, found: list[str]) -> None:
    march = {"description": "VAT of Lyon", "batchNumber": "BATCH-2023-001", "template": "template"}
    store(
        database_url,
        [
            plain_group(1, **{**march, "name": "march"}),
            plain_group(2, name="Zürich été"),
            plain_group(3, name="tagged", tags=["vat", "urgent-case"]),
        ],
    )
    assert names(database_url, search=search) == found


def job_row(group: JobGroup, number: int, **columns: Any) -> dict[str, Any]:
    created_at = START + timedelta(minutes=number // 2)
    return {
        "group_id": group.id,
        "id": UUID(int=number + 1),
        "number": number + 1,
        "document": {"uri": f"s3://invoices/{number}.pdf"},
        "metadata": {},
        "status": "queued" if number % 2 else "succeeded",
        "attempts": number % 3,
        "max_attempts": 3,
        "confidence": None if number % 2 else number / 10,
        "external_id": f"invoice {number}" if number % 3 else None,
        "created_at": created_at,
        "updated_at": created_at,
        "finished_at": None if number % 2 else created_at,
        **columns,
    }


def store_jobs(database_url: str, job_count: int) -> tuple[JobGroup, list[dict[str, Any]]]:
    """Put a group of `job_count` jobs into the database, beside one of another group."""
    group, other = plain_group(1), plain_group(2)
    rows = [job_row(group, number) for number in range(job_count)]
    store(database_url, [group, other])
    execute(database_url, insert(jobs).values(rows), insert(jobs).values(job_row(other, job_count)))
    return group, rows


def test_the_jobs_of_one_group_are_listed(database_url: str) -> None:
    group, rows = store_jobs(database_url, 5)
    page = read(database_url, lambda connection: list_jobs(connection, group.id, Listing(limit=2, offset=1)))
    assert ([job.id.int - 1 for job in page.items], page.total) == ([3, 2], 5)
    shown = page.items[0].model_dump(by_alias=False, exclude_none=True)
    assert shown == {name: value for name, value in rows[3].items() if value is not None}


def test_jobs_of_one_status_are_listed(database_url: str) -> None:
    group, _ = store_jobs(database_url, 9)

    def queued(cursor: str | None = None) -> Page[JobResource]:
        listing = Listing(limit=3, sort="number", order="asc", cursor=cursor)
        return read(database_url, lambda connection: list_jobs(connection, group.id, listing, JobStatus.QUEUED))

    first = queued()
    second = queued(first.next)
    assert [job.number for page in (first, second) for job in page.items] == [2, 4, 6, 8]
    assert (first.total, second.next) == (4, None)
    with pytest.raises(ValidationFailed, match="cursor"):
        read(database_url, lambda connection: list_jobs(connection, group.id, Listing(limit=3, cursor=first.next)))


def test_every_order_of_jobs(database_url: str) -> None:
    group, _ = store_jobs(database_url, 9)
    for sort in JOB_SORTS:
        for order in ("asc", "desc"):
            listing = Listing(sort=sort, order=order)
            found = read(database_url, lambda connection, page=listing: list_jobs(connection, group.id, page))
            shown = [job.model_dump(mode="json")[sort] for job in found.items]
            present = sorted((value for value in shown if value is not None), reverse=order == "desc")
            assert shown == present + [None] * (len(shown) - len(present)), (sort, order)


def test_jobs_have_orders_of_their_own(database_url: str) -> None:
    with pytest.raises(ValidationFailed, match=r"sort: must be one of .*externalId"):
        read(database_url, lambda connection: list_jobs(connection, UUID(int=1), Listing(sort="priority")))


def test_an_outcome_is_read_by_its_command(database_url: str) -> None:
    outcome = succeeded(CommandEnvelope(id="c-1", type="job_group.create", data={}), UUID(int=1), version=1)
    row = {"id": "c-1", "fingerprint": b"asked", "outcome": outcome.model_dump(mode="json", exclude_none=True)}
    execute(database_url, insert(commands).values(**row, handled_at=START))
    assert read(database_url, lambda connection: get_handled(connection, "c-1")) == HandledCommand(b"asked", outcome)


@pytest.mark.parametrize("command_id", ["c-2", "", "\0", "\ud800", "'"])
def test_an_unknown_command_has_no_outcome(database_url: str, command_id: str) -> None:
    assert read(database_url, lambda connection: get_handled(connection, command_id)) is None
