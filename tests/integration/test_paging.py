"""Pages by cursor: every row once, in order, both ways, whatever the order, and whatever comes and goes meanwhile."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import ValidationFailed
from models.job_group import JobGroup
from models.store import paging
from models.store.paging import Page
from models.store.queries import Listing, list_groups, list_jobs
from models.store.sorting import GROUP_SORTS, JOB_SORTS
from models.store.tables import job_groups, jobs
from tests.integration.sample_groups import START, plain_group, sample_groups, store
from tests.integration.test_queries import execute, job_row, read

pytestmark = pytest.mark.usefixtures("clean_database")

T = TypeVar("T")
Read = Callable[[Listing], Awaitable[Page[Any]]]


def page_of(database_url: str, **asked: Any) -> Page[JobGroup]:
    return read(database_url, lambda connection: list_groups(connection, Listing(**asked)))


async def walk(ask: Read, listing: Listing) -> tuple[list[Any], list[Any]]:
    """Return the ids on all pages, to the end and back to the beginning."""
    there, back = [], []
    page = await ask(listing)
    while True:
        there.append([item.id for item in page.items])
        if page.next is None:
            break
        page = await ask(replace(listing, cursor=page.next))
    while True:
        back.append([item.id for item in page.items])
        if page.previous is None:
            break
        page = await ask(replace(listing, cursor=page.previous))
    return there, back[::-1]


def flat(pages: list[list[T]]) -> list[T]:
    return [item for page in pages for item in page]


async def check_walk(ask: Read, listing: Listing) -> None:
    everything = await ask(replace(listing, limit=100))
    there, back = await walk(ask, listing)
    assert flat(there) == [item.id for item in everything.items], listing
    assert there == back, listing
    assert all(len(page) == listing.limit for page in there[:-1])


def test_the_pages_of_every_order_hold_every_group_once(database_url: str) -> None:
    store(database_url, sample_groups())

    async def check_all(connection: AsyncConnection) -> None:
        for sort in GROUP_SORTS:
            for order in ("asc", "desc"):
                await check_walk(lambda asked: list_groups(connection, asked), Listing(5, sort=sort, order=order))

    read(database_url, check_all)


@pytest.mark.parametrize("reach", [1, 100])
@pytest.mark.parametrize(
    ("filter_", "search"),
    [
        ({"tags": "lyon"}, None),
        ({"metadata.site": {"$exists": True}}, None),
        ({"finishedAt": {"$gte": "2026-01-31T00:00:00Z"}}, None),
        ({"priority": "high"}, "vat"),
        (None, "vat lyon"),
        (None, "absent"),
    ],
)
def test_the_pages_of_what_is_guessed_at_are_the_same_near_and_far(
    database_url: str, monkeypatch: pytest.MonkeyPatch, reach: int, filter_: dict[str, Any] | None, search: str | None
) -> None:
    monkeypatch.setattr(paging, "_REACH", reach)
    store(database_url, sample_groups())
    filter_text = None if filter_ is None else json.dumps(filter_)

    async def check_all(connection: AsyncConnection) -> None:
        for sort in ("createdAt", "startedAt"):
            listing = Listing(2, sort=sort, filter=filter_text, search=search)
            await check_walk(lambda asked: list_groups(connection, asked), listing)

    read(database_url, check_all)


def test_the_pages_of_every_order_hold_every_job_once(database_url: str) -> None:
    group, other = plain_group(1), plain_group(2)
    store(database_url, [group, other])
    rows = [job_row(group, number) for number in range(17)]
    execute(database_url, insert(jobs).values(rows), insert(jobs).values(job_row(other, 18)))

    async def check_all(connection: AsyncConnection) -> None:
        for sort in JOB_SORTS:
            for order in ("asc", "desc"):
                await check_walk(
                    lambda asked: list_jobs(connection, group.id, asked), Listing(5, sort=sort, order=order)
                )

    read(database_url, check_all)


@pytest.mark.parametrize("sort", ["createdAt", "finishedAt", "assignedTo"])
def test_an_offset_skips_as_many_on_either_side_of_the_nulls(database_url: str, sort: str) -> None:
    store(database_url, sample_groups())
    everything = [group.id for group in page_of(database_url, limit=100, sort=sort).items]
    for offset in range(0, 40, 3):
        page = page_of(database_url, limit=4, offset=offset, sort=sort)
        assert [group.id for group in page.items] == everything[offset : offset + 4], offset
        assert page.total == len(everything)


def test_nothing_is_skipped_or_repeated_when_groups_come_and_go(database_url: str) -> None:
    store(database_url, [plain_group(number) for number in range(1, 9)])
    first = page_of(database_url, limit=3)
    assert [group.fields.name for group in first.items] == ["group 8", "group 7", "group 6"]
    execute(database_url, delete(job_groups).where(job_groups.c.id == first.items[-1].id))
    store(database_url, [plain_group(9)])
    second = page_of(database_url, limit=3, cursor=first.next)
    assert [group.fields.name for group in second.items] == ["group 5", "group 4", "group 3"]
    before = page_of(database_url, limit=3, cursor=second.previous)
    assert [group.fields.name for group in before.items] == ["group 9", "group 8", "group 7"]


def test_there_is_no_page_beside_the_only_one(database_url: str) -> None:
    assert page_of(database_url) == Page([], 0)
    store(database_url, [plain_group(1)])
    only = page_of(database_url, limit=1)
    assert (only.next, only.previous) == (None, None)


def test_a_page_at_an_offset_has_one_before_it(database_url: str) -> None:
    store(database_url, [plain_group(number) for number in range(5)])
    page = page_of(database_url, limit=2, offset=2)
    before = page_of(database_url, limit=2, cursor=page.previous)
    assert [group.fields.name for group in before.items] == ["group 4", "group 3"]


def test_the_total_is_that_of_all_pages_at_a_cursor_too(database_url: str) -> None:
    store(database_url, [plain_group(number) for number in range(5)])
    first = page_of(database_url, limit=2)
    assert page_of(database_url, limit=9, cursor=first.next).total == 5


def test_a_total_that_nobody_wants_is_not_counted(database_url: str) -> None:
    store(database_url, [plain_group(number) for number in range(5)])
    page = page_of(database_url, limit=2, count="none")
    assert (len(page.items), page.total) == (2, None)


def test_an_estimated_total_comes_from_the_statistics(database_url: str) -> None:
    store(
        database_url, [replace(plain_group(number), deleted_at=START if number % 4 else None) for number in range(800)]
    )
    execute(database_url, text("ANALYZE job_groups"))
    total = page_of(database_url, limit=2, count="estimated").total
    assert total is not None
    assert 150 < total < 250
    store(database_url, [plain_group(number) for number in range(1000, 1100)])
    assert page_of(database_url, limit=2, count="exact").total == 300


def test_a_cursor_of_another_list_is_refused(database_url: str) -> None:
    store(database_url, [plain_group(number) for number in range(5)])
    cursor = page_of(database_url, limit=2).next
    for other in ({"sort": "name"}, {"order": "asc"}, {"search": "group"}, {"filter": "{}"}):
        with pytest.raises(ValidationFailed, match="cursor"):
            page_of(database_url, cursor=cursor, **other)
    with pytest.raises(ValidationFailed, match="cursor"):
        read(database_url, lambda connection: list_jobs(connection, plain_group(1).id, Listing(cursor=cursor)))
