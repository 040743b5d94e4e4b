"""Reading published events by their position, on a real PostgreSQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.interest import EVERYTHING, Interest, interest_in
from models.store import feed, retention
from models.store.engine import make_async_engine
from models.store.feed import END, FeedPage, Kept, kept, read_page
from models.store.outbox import last_position, stamp, unpublished
from models.store.retention import forget_events
from models.store.tables import events
from tests.commands import PATIENCE_SECONDS
from tests.integration.relaying import connected, row, write

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))

T = TypeVar("T")


def publish(engine: Engine, rows: list[dict[str, Any]]) -> None:
    """Give `rows` the next positions, as the relay does."""
    write(engine, rows)
    with connected(engine) as relay:
        stamp(relay, unpublished(relay, len(rows)), after=last_position(relay))


def asked(engine: Engine, question: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def ask() -> T:
        reader = make_async_engine(engine.url.render_as_string(hide_password=False), pool_size=1)
        try:
            async with reader.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                return await question(connection)
        finally:
            await reader.dispose()

    return asyncio.run(ask())


def page(engine: Engine, after: int, upto: int = END, interest: Interest = EVERYTHING) -> tuple[list[int], int]:
    """Return the positions on a page, and how far it reaches."""
    found: FeedPage = asked(engine, lambda connection: read_page(connection, after, upto, interest))
    return [each["position"] for each in found.rows], found.reached


def test_a_page_begins_after_a_position_and_ends_before_another(engine: Engine) -> None:
    publish(engine, [row(number, ONE) for number in range(1, 11)])
    assert page(engine, 0, 10) == (list(range(1, 11)), 10)
    assert page(engine, 4, 7) == ([5, 6, 7], 7)
    assert page(engine, 10, 10) == ([], 10)


def test_what_is_not_published_is_not_there(engine: Engine) -> None:
    publish(engine, [row(1, ONE)])
    write(engine, [row(2, ONE)])
    assert page(engine, 0, 5) == ([1], 5)
    assert asked(engine, kept) == Kept(1, 1)


@pytest.mark.parametrize("groups", [(), (ONE,), (ONE, TWO)])
def test_a_full_page_reaches_to_its_last_event(
    engine: Engine, groups: tuple[UUID, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(engine, [row(number, (ONE, TWO)[number % 2]) for number in range(2 * feed.PAGE_COUNT + 10)])
    found, reached = page(engine, 5, END, interest_in(groups, ()))
    assert len(found) == feed.PAGE_COUNT
    assert found == sorted(found)
    assert reached == found[-1]


def test_only_some_names(engine: Engine) -> None:
    names = ["job.failed", "job_group.created", "job.dispatched.high", "job.succeeded"] * 3
    publish(engine, [row(number, ONE, name=name) for number, name in enumerate(names, 1)])
    assert page(engine, 0, 12, interest_in((), ["job.dispatched.*"])) == ([3, 7, 11], 12)
    assert page(engine, 3, 12, interest_in((), ["job_group.#", "*.failed"]))[0] == [5, 6, 9, 10]


def test_a_query_looks_through_a_window_only(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "WINDOW_COUNT", 10)
    publish(engine, [row(n, ONE, name="job.failed" if n == 35 else "job.skipped") for n in range(1, 41)])
    interest, reached, found, looks = interest_in((), ["job.failed"]), 0, [], 0
    while reached < 40:
        positions, reached = page(engine, reached, 40, interest)
        found += positions
        looks += 1
    assert (found, looks) == ([35], 4)


def test_the_next_event_is_found_however_far_it_is(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "WINDOW_COUNT", 10)
    publish(engine, [row(number, ONE) for number in range(1, 41)])
    with engine.begin() as connection:
        connection.execute(delete(events).where(events.c.position.between(5, 30)))
    assert page(engine, 4)[0] == list(range(31, 41))


def test_only_some_groups(engine: Engine) -> None:
    publish(engine, [row(number, (ONE, TWO, THREE)[number % 3]) for number in range(1, 13)])
    assert page(engine, 0, 12, interest_in([TWO], ())) == ([1, 4, 7, 10], 12)
    assert page(engine, 4, 11, interest_in([THREE, TWO], ())) == ([5, 7, 8, 10, 11], 11)
    assert page(engine, 0, 12, interest_in([UUID(int=9)], ())) == ([], 12)


def test_nothing_is_kept_where_nothing_happened(engine: Engine) -> None:
    assert asked(engine, kept) == Kept(0, 0)


def age(engine: Engine, *positions: int) -> None:
    """Let these events have happened long ago."""
    with engine.begin() as connection:
        old = update(events).where(events.c.position.in_(positions))
        connection.execute(old.values(occurred_at=datetime.now(UTC) - timedelta(days=10)))


def test_retention_leaves_no_gap_and_always_the_newest(engine: Engine) -> None:
    publish(engine, [row(number, ONE) for number in range(1, 11)])
    age(engine, 1, 2, 4, 5)  # 3 is young, as where a transaction committed late
    assert forget_events(engine, older_than_days=5) == 2
    assert page(engine, 0, 10)[0] == list(range(3, 11))
    age(engine, *range(1, 11))
    assert forget_events(engine, older_than_days=5) == 7
    assert asked(engine, kept) == Kept(10, 10)
    assert forget_events(engine, older_than_days=5) == 0
    publish(engine, [row(11, ONE)])
    assert asked(engine, kept) == Kept(10, 11)


def test_retention_goes_on_chunk_by_chunk(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_COUNT", 3)
    publish(engine, [row(number, ONE) for number in range(1, 11)])
    age(engine, *range(1, 9))
    assert forget_events(engine, older_than_days=5) == 8
    assert asked(engine, kept) == Kept(9, 10)


def test_a_stamp_is_heard_at_once(engine: Engine) -> None:
    async def hear(connection: AsyncConnection) -> float:
        await feed.listen_for_positions(connection)
        began_at = time.monotonic()
        waiting = asyncio.create_task(feed.wait_for_positions(connection, PATIENCE_SECONDS))
        await asyncio.to_thread(publish, engine, [row(1, ONE)])
        await waiting
        return time.monotonic() - began_at

    assert asked(engine, hear) < PATIENCE_SECONDS / 2


def test_a_commit_that_is_not_published_yet_is_not_heard(engine: Engine) -> None:
    async def hear(connection: AsyncConnection) -> float:
        await feed.listen_for_positions(connection)
        began_at = time.monotonic()
        waiting = asyncio.create_task(feed.wait_for_positions(connection, 0.5))
        await asyncio.to_thread(write, engine, [row(1, ONE)])
        await waiting
        return time.monotonic() - began_at

    assert asked(engine, hear) >= 0.5
