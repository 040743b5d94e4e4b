"""No query reads a whole table that grows, whether PostgreSQL plans it for its parameters or once for all of them."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from models.dead_letter import DeadLetterReason
from models.delivery import DeliveryStatus
from models.interest import EVERYTHING, interest_in
from models.lifecycle import JobStatus
from models.store import attempts, due, feed, graveyard, outbox, queries, retention
from models.store.dead_letter_reads import get_dead_letter, list_dead_letters
from models.store.deliveries import CLAIM_COUNT, OUTCOME, claim, record
from models.store.delivery_reads import deliver_again, get_delivery, list_deliveries
from models.store.engine import make_async_engine
from models.store.explanations import explain_group, explain_job
from models.store.paging import Paging
from models.store.queries import Listing
from models.store.sorting import GROUP_SORTS, JOB_SORTS
from tests import grown_tables
from tests.integration.stored_groups import StoredGroups, addition, creation, failure_of, reports, verb

GROUP_COUNT = 20_000
GROUPS_WITH_JOBS = 400
JOBS_PER_GROUP = 160
GROUP = grown_tables.group_id(GROUP_COUNT)
JOB = grown_tables.job_id(7)
NOW = datetime(2023, 1, 20, tzinfo=UTC)
OLD_DAYS = (datetime.now(UTC) - NOW).days

WHOLE_TABLE = re.compile(r"Seq Scan on (job_groups|jobs|events|commands|deliveries)\b")

Reading = Callable[[AsyncConnection], Awaitable[object]]
Writing = Callable[[Engine], object]

FILTERS: list[dict[str, Any]] = [
    {"status": "paused"},
    {"status": {"$in": ["paused", "processing"]}},
    {"priority": {"$gte": "high"}},
    {"template": "template-7"},
    {"createdBy": "user7@example.com"},
    {"assignedTo": "user7@example.com"},
    {"assignedTo": None},
    {"name": "Invoice batch 777 Site30"},
    {"batchNumber": "BATCH-2023-777"},
    {"id": str(GROUP)},
    {"createdAt": {"$gte": "2023-01-09T00:00:00Z", "$lt": "2023-01-10T00:00:00Z"}},
    {"updatedAt": {"$gte": "2023-01-09T00:00:00Z", "$lt": "2023-01-10T00:00:00Z"}},
    {"tags": "order-777"},
    {"tags": {"$in": ["week-7", "week-8"]}},
    {"metadata.order": 777},
    {"metadata.site": {"$in": ["Site7", "Site8"]}},
    {"$or": [{"tags": "order-777"}, {"metadata.order": 778}]},
    {"status": "queued", "assignedTo": "user7@example.com"},
]
SEARCHES = ["777", "invoice", "batch 2023 777", "absent"]


def listing(**asked: Any) -> Reading:
    """Read the first page of a list of groups, the one after it, and the first again from there."""
    return there_and_back(lambda connection, **more: queries.list_groups(connection, Listing(**asked, **more)))


def jobs_listing(**asked: Any) -> Reading:
    return there_and_back(lambda connection, **more: queries.list_jobs(connection, GROUP, Listing(**asked, **more)))


def there_and_back(read: Callable[..., Awaitable[Any]]) -> Reading:
    async def pages(connection: AsyncConnection) -> None:
        first = await read(connection, limit=5, count="none")
        if first.next:
            second = await read(connection, limit=5, count="estimated", cursor=first.next)
            again = await read(connection, limit=5, count="none", cursor=second.previous)
            assert again.items == first.items

    return pages


READS: dict[str, Reading] = {
    **{
        f"groups by {sort} {order}": listing(sort=sort, order=order)
        for sort in GROUP_SORTS
        for order in ("asc", "desc")
    },
    **{f"groups where {json.dumps(asked)}": listing(filter=json.dumps(asked)) for asked in FILTERS},
    **{f"groups with {words}": listing(search=words) for words in SEARCHES},
    **{
        f"jobs by {sort} {order}": jobs_listing(sort=sort, order=order)
        for sort in JOB_SORTS
        for order in ("asc", "desc")
    },
    "jobs of a status": there_and_back(
        lambda c, **asked: queries.list_jobs(c, GROUP, Listing(**asked), JobStatus.FAILED)
    ),
    "one group": lambda c: queries.get_group(c, GROUP),
    "one job": lambda c: queries.get_job(c, GROUP, JOB),
    "why a group": lambda c: explain_group(c, GROUP),
    "why a job": lambda c: explain_job(c, GROUP, JOB),
    "history": there_and_back(lambda c, **asked: queries.list_history(c, GROUP, Paging(**asked))),
    "history, latest first": there_and_back(lambda c, **asked: queries.list_history(c, GROUP, Paging(**asked), "desc")),
    "feed": lambda c: feed.read_page(c, GROUP_COUNT, feed.END, EVERYTHING),
    "feed of a name": lambda c: feed.read_page(c, GROUP_COUNT, feed.END, interest_in((), ["job_group.completed"])),
    "feed of groups": lambda c: feed.read_page(c, 7, GROUP_COUNT, interest_in([GROUP, grown_tables.group_id(9)], ())),
    "what the feed keeps": feed.kept,
    "an outcome": lambda c: queries.get_handled(c, "grown-777"),
    "dead letters": there_and_back(lambda c, **asked: list_dead_letters(c, Paging(**asked))),
    "dead letters of a reason": there_and_back(
        lambda c, **asked: list_dead_letters(c, Paging(**asked), reason=DeadLetterReason.HANDLING_FAILED)
    ),
    "deliveries": there_and_back(lambda c, **asked: list_deliveries(c, GROUP, Paging(**asked))),
    "deliveries of a status": there_and_back(
        lambda c, **asked: list_deliveries(c, GROUP, Paging(**asked), DeliveryStatus.FAILED)
    ),
    "one delivery": lambda c: get_delivery(c, GROUP, JOB),
    "a delivery again": lambda c: deliver_again(c, GROUP, JOB),
    "one dead letter": lambda c: get_dead_letter(c, GROUP),
}


def with_connection(work: Callable[[Connection], object]) -> Writing:
    def connected(engine: Engine) -> None:
        with engine.begin() as connection:
            work(connection)

    return connected


def publish(connection: Connection) -> None:
    last = outbox.last_position(connection)
    outbox.stamp(connection, outbox.unpublished(connection, 10), last)


def deliver(connection: Connection) -> None:
    claims = claim(connection, NOW, crowded=["host7.example.com"])
    assert len(claims) == CLAIM_COUNT
    record(connection, [(each, dict.fromkeys(OUTCOME) | {"status": "failed", "attempts": 1}) for each in claims[:1]])


def whole_life(engine: Engine) -> None:
    """Every statement that commands make, on jobs that are named, due, overdue, queued, retried and known."""
    group = StoredGroups(engine)
    group.apply(creation(maxConcurrency=1), addition(1, sha256="0" * 64, last=False), addition(2, 3))
    group.apply(reports(failure_of(1)))
    group.apply(verb("wake"), verb("cancel"), reports(failure_of(2)), verb("retry"), verb("delete"))


WRITES: dict[str, Writing] = {
    "what is due": with_connection(lambda c: due.groups_due(c, NOW, 100)),
    "groups that ended": with_connection(lambda c: due.groups_finished(c, NOW - timedelta(days=18), 100)),
    "publishing": with_connection(publish),
    "an attempt": with_connection(lambda c: attempts.count_attempt(c, "grown-777")),
    "letters to replay": with_connection(lambda c: graveyard.not_replayed(c, DeadLetterReason.HANDLING_FAILED)),
    "a letter again": with_connection(lambda c: (graveyard.dig_up(c, GROUP), graveyard.mark_replayed(c, GROUP))),
    "a command again": with_connection(lambda c: graveyard.reopen(c, ["grown-777"])),
    "letters away": with_connection(lambda c: graveyard.discard(c, [GROUP])),
    "deliveries due": with_connection(deliver),
    "old deliveries": lambda engine: retention.forget_deliveries(engine, older_than_days=OLD_DAYS + 19),
    "old commands": lambda engine: retention.forget_commands(engine, older_than_days=OLD_DAYS + 19),
    "old events": lambda engine: retention.forget_events(engine, older_than_days=OLD_DAYS + 19),
    "jobs of deleted groups": lambda engine: retention.forget_jobs(engine, older_than_days=OLD_DAYS - 1000),
    "commands": whole_life,
}


@pytest.fixture(scope="module")
def grown(database_url: str) -> Iterator[Engine]:
    """A database with rows enough that reading them all would be the slow way."""
    engine = create_engine(database_url, poolclass=NullPool)
    empty(engine)
    with engine.begin() as connection:
        grown_tables.add_groups(connection, 1, GROUP_COUNT)
        grown_tables.add_deliveries(connection, 1, GROUP_COUNT)
        grown_tables.add_jobs(connection, GROUP_COUNT - GROUPS_WITH_JOBS + 1, GROUP_COUNT, JOBS_PER_GROUP)
    grown_tables.settle(engine)
    yield engine
    empty(engine)


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE job_groups, jobs, events, commands, dead_letters, attempts, deliveries"))


def statements_of(act: Callable[[], object]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `act` asks of the database, on whatever connection."""
    noted: dict[str, dict[str, Any]] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        noted[statement] = parameters

    event.listen(Engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [asked for asked in noted.items() if re.match(r"SELECT|WITH|INSERT|UPDATE|DELETE", asked[0])]


def plans_of(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[str]:
    """Return how PostgreSQL runs a statement: for these parameters, and for any."""
    numbers = count(1)
    for_any = statement % {name: f"${next(numbers)}" for name in parameters}
    explained = [(f"EXPLAIN {statement}", parameters), (f"EXPLAIN (GENERIC_PLAN) {for_any}", None)]
    return ["\n".join(connection.exec_driver_sql(*asked).scalars()) for asked in explained]


def read(engine: Engine, reading: Reading) -> None:
    async def connected() -> None:
        reader = make_async_engine(engine.url.render_as_string(hide_password=False), pool_size=1)
        try:
            async with reader.connect() as connection:
                await reading(connection)
        finally:
            await reader.dispose()

    asyncio.run(connected())


def check(engine: Engine, statements: list[tuple[str, dict[str, Any]]]) -> None:
    assert statements
    with engine.connect() as connection:
        for asked in statements:
            for plan in plans_of(connection, *asked):
                assert not WHOLE_TABLE.search(plan), f"{asked}\n{plan}"


@pytest.mark.parametrize("reading", [pytest.param(reading, id=name) for name, reading in READS.items()])
def test_a_read_uses_indexes(grown: Engine, reading: Reading) -> None:
    check(grown, statements_of(lambda: read(grown, reading)))


@pytest.mark.parametrize("writing", [pytest.param(writing, id=name) for name, writing in WRITES.items()])
def test_a_write_uses_indexes(grown: Engine, writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        retention, "CHUNK_COUNT", 50
    )  # the thousands of a real chunk would be a good part of this table
    check(grown, statements_of(lambda: writing(grown)))


def test_letters_replayed_long_ago_are_found_by_their_index(grown: Engine) -> None:
    """Letters are few: a plan may well read them all to delete some, but not every minute to find that none is old."""
    statements = statements_of(lambda: retention.forget_dead_letters(grown, older_than_days=OLD_DAYS + 19))
    with grown.connect() as connection:
        plans = [plan for asked in statements for plan in plans_of(connection, *asked)]
    assert plans
    assert all("ix_dead_letters_replayed" in plan for plan in plans)


@pytest.mark.parametrize(
    ("index", "reading"),
    [
        ("ix_job_groups_by_name", listing(sort="name")),
        ("ix_job_groups_by_assigned_to", listing(sort="assignedTo")),
        ("ix_job_groups_search", listing(search="777")),
        ("ix_job_groups_tags", listing(filter='{"tags": "order-777"}')),
    ],
)
def test_without_its_index_a_read_would_be_told_of(grown: Engine, index: str, reading: Reading) -> None:
    statements = statements_of(lambda: read(grown, reading))
    with grown.connect() as connection:
        connection.execute(text(f"DROP INDEX {index}"))
        plans = [plan for asked in statements for plan in plans_of(connection, *asked)]
        connection.rollback()
    assert any(WHOLE_TABLE.search(plan) for plan in plans)


@pytest.mark.parametrize("sort", list(GROUP_SORTS))
def test_a_page_of_groups_is_read_in_its_order(grown: Engine, sort: str) -> None:
    """Nothing is sorted but the few rows before a page near the beginning, which is read back from the second."""
    statements = statements_of(lambda: read(grown, listing(sort=sort)))
    with grown.connect() as connection:
        for asked in statements[:-1]:
            assert "Sort" not in plans_of(connection, *asked)[0]
