"""What the live feed reads: published events by their position.

One relay gives the positions, without a gap and in the order of publishing: whoever has read up to a position has
missed nothing up to there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import ARRAY, ColumnElement, RowMapping, Select, Uuid, func, literal, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from models.interest import Interest
from models.store.engine import DatabaseUnavailable
from models.store.outbox import POSITIONS_CHANNEL
from models.store.tables import events

PAGE_COUNT = 200
"""Events that one query gives, at most."""
WINDOW_COUNT = 10_000
"""Positions that one query looks through for names, however few there are."""

END = 2**63 - 1
"""Beyond every position."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The positions of the oldest and the newest event that are kept; 0 where nothing was ever published."""

    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The next events that somebody wants, and the position up to which there are no others."""

    rows: Sequence[RowMapping]
    reached: int


async def kept(connection: AsyncConnection) -> Kept:
    """Return which positions are kept."""
    # Two queries in one: each of them is the first entry at one end of the index.
    ends = (select(end(events.c.position)).scalar_subquery() for end in (func.min, func.max))
    earliest, latest = (await connection.execute(select(*ends))).one()
    return Kept(earliest or 0, latest or 0)


async def read_page(
    connection: AsyncConnection, after: int, upto: int, interest: Interest, count: int = PAGE_COUNT
) -> FeedPage:
    """Return the next events of interest after the position `after`, up to `upto` and `count` of them at most.

    Where groups are asked for, also those of theirs whose names are not: a group has few, and to look for one name
    among a million of them could take longer than a query may.
    """
    if interest.groups:
        query = _of_groups(interest, after, upto, _limit(count))
    else:
        upto = upto if interest.names is None else min(upto, after + WINDOW_COUNT)
        query = _of_names(interest, after, upto).limit(_limit(count))
    rows = (await connection.execute(query)).mappings().all()
    return FeedPage(rows, rows[-1]["position"] if len(rows) == count else upto)


def _limit(count: int) -> ColumnElement[int]:
    """Spelled out: a plan that is kept for any limit is made for a tenth of the table."""
    return literal(count, literal_execute=True)


def _of_names(interest: Interest, after: int, upto: int) -> Select[Any]:
    query = select(events).where(events.c.position > after, events.c.position <= upto)
    if interest.names is not None:
        query = query.where(literal(".").concat(events.c.name).regexp_match(interest.names.pattern))
    return query.order_by(events.c.position)


def _of_groups(interest: Interest, after: int, upto: int, limit: ColumnElement[int]) -> Select[Any]:
    """From the history of each group, since one index scan gives the order within a group only."""
    groups = func.unnest(literal(list(interest.groups), ARRAY(Uuid)))
    asked = groups.table_valued("id").render_derived(name="asked")
    following = (
        select(events)
        .where(events.c.group_id == asked.c.id, events.c.position > after, events.c.position <= upto)
        .order_by(events.c.position)
        .limit(limit)
        .lateral("following")
    )
    return select(following).select_from(asked).join(following, true()).order_by(following.c.position).limit(limit)


async def listen_for_positions(connection: AsyncConnection) -> None:
    """Let `connection` hear that positions were given."""
    await connection.execute(text(f"LISTEN {POSITIONS_CHANNEL}"))


async def wait_for_positions(connection: AsyncConnection, timeout_seconds: float) -> None:
    """Return when `connection` hears of new positions, or after `timeout_seconds`.

    Raises DatabaseUnavailable where the connection is lost meanwhile.
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        async for _ in driver.notifies(timeout=timeout_seconds, stop_after=1):
            pass
    except psycopg.OperationalError as error:
        # SQLAlchemy does not see what happens here, and gives it no name of its own.
        raise DatabaseUnavailable("wait for a notification", None, error) from error
