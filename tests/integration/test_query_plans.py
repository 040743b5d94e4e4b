"""The lists use the indexes that were made for them, on a table large enough that it matters."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from models.store.engine import make_async_engine
from models.store.queries import Listing, list_groups
from tests.integration.sample_groups import plain_group, store


@pytest.fixture
def large_table(database_url: str, clean_database: object) -> str:
    """Return the address of a database with groups enough that reading them all would be the slow way."""
    store(database_url, [plain_group(number, **fields_of(number)) for number in range(600)])
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("ANALYZE job_groups"))
        connection.execute(text("SELECT gin_clean_pending_list('ix_job_groups_metadata')"))
    return database_url


def fields_of(number: int) -> dict[str, Any]:
    return {
        "name": f"batch {number}",
        "tags": [f"tag-{number % 300}"],
        "metadata": {"site": {"name": f"site {number % 300}", "codes": [number]}},
    }


def plans_of(database_url: str, **listing: Any) -> str:
    """Return how PostgreSQL runs the statements of one list, one plan after the other."""

    async def explained() -> str:
        engine = make_async_engine(database_url, pool_size=1)
        try:
            async with engine.connect() as connection:
                return await _explain(connection, Listing(**listing))
        finally:
            await engine.dispose()

    return asyncio.run(explained())


async def _explain(connection: AsyncConnection, listing: Listing) -> str:
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        statements.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", note)
    await list_groups(connection, listing)
    plans = [await connection.exec_driver_sql(f"EXPLAIN {sql}", parameters) for sql, parameters in tuple(statements)]
    return "\n".join(line for plan in plans for line in plan.scalars())


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ({"metadata.site.name": "site 7"}, "ix_job_groups_metadata"),
        ({"metadata.site.name": {"$in": ["site 7", "site 8"]}}, "ix_job_groups_metadata"),
        ({"metadata.site.codes": {"$contains": 7}}, "ix_job_groups_metadata"),
        ({"tags": "tag-7"}, "ix_job_groups_tags"),
        ({"tags": {"$contains": ["tag-7"]}}, "ix_job_groups_tags"),
        ({"tags": {"$in": ["tag-7", "tag-8"]}}, "ix_job_groups_tags"),
        ({"$or": [{"tags": "tag-7"}, {"metadata.site.name": "site 7"}]}, "ix_job_groups_metadata"),
        ({"status": "paused"}, "ix_job_groups_status"),
    ],
)
def test_a_filter_uses_its_index(large_table: str, condition: dict[str, Any], index: str) -> None:
    assert index in plans_of(large_table, sort="name", filter=json.dumps(condition))


@pytest.mark.parametrize("search", ["batch 77", "BAT 77"])
def test_the_search_uses_its_index(large_table: str, search: str) -> None:
    assert "ix_job_groups_search" in plans_of(large_table, sort="name", search=search)


def test_the_newest_page_is_read_from_the_index(large_table: str) -> None:
    page = plans_of(large_table, limit=10).split("Aggregate")[0]
    assert "Index Scan Backward using ix_job_groups_created" in page
    assert "Sort" not in page


def test_the_newest_page_of_one_status_is_read_from_the_index(large_table: str) -> None:
    page = plans_of(large_table, limit=10, filter='{"status": "queued"}').split("Aggregate")[0]
    assert "Sort" not in page
