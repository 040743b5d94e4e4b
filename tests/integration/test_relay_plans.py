"""The relay reads a batch, and not the backlog behind it, though PostgreSQL has yet to learn that there is one."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event

from models.store.engine import make_engine
from models.store.outbox import read_in_order, stamp, unpublished
from tests.integration.relaying import connected, row, write

BACKLOG_COUNT, BATCH_COUNT = 3000, 100


@pytest.fixture
def relay(clean_database: str) -> Iterator[Connection]:
    """A relay's connection to a database with a backlog; what it executes is explained first, in `plans`."""
    engine = make_engine(clean_database, pool_size=2)
    write(engine, [row(number, UUID(int=number)) for number in range(1, BACKLOG_COUNT + 1)])
    with connected(engine) as connection:
        read_in_order(connection)
        yield connection
    engine.dispose()


def plans_while(connection: Connection, run: Any) -> list[str]:
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        plans.append("\n".join(line for (line,) in cursor.fetchall()))

    event.listen(connection, "before_cursor_execute", explain)
    run()
    event.remove(connection, "before_cursor_execute", explain)
    return plans


def test_the_next_batch_is_read_in_the_order_of_its_index(relay: Connection) -> None:
    (plan,) = plans_while(relay, lambda: unpublished(relay, BATCH_COUNT))
    assert "Index Scan using ix_events_unpublished" in plan
    assert "Sort" not in plan


def test_a_stamp_finds_its_events_by_their_ordinals(relay: Connection) -> None:
    batch = unpublished(relay, BATCH_COUNT)
    (plan,) = plans_while(relay, lambda: stamp(relay, batch, after=0))
    assert "on ix_events_unpublished" in plan or "using ix_events_unpublished" in plan
    assert "Index Cond: (ordinal = ANY" in plan


def test_positions_have_no_gap_where_the_ordinals_have(relay: Connection) -> None:
    """Between two events of a batch may be ordinals of others: rolled back, published before, or yet to come."""
    batch = unpublished(relay, BATCH_COUNT)[::7]
    assert stamp(relay, batch, after=40) == 40 + len(batch)
    positions = relay.exec_driver_sql("SELECT ordinal, position FROM events WHERE position > 0 ORDER BY ordinal").all()
    assert positions == [(each["ordinal"], 41 + number) for number, each in enumerate(batch)]
