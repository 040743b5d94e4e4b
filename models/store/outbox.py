"""What the relay reads and writes: events not yet published, and the position that each gets when it is."""

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection, RowMapping, any_, bindparam, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Integer

from models.events import cloud_event
from models.store.engine import DatabaseUnavailable
from models.store.tables import events

RELAY_LOCK = 0x0CF1_0002
"""Advisory lock of the one relay that publishes. It lives and dies with the connection that also stamps, so that a
relay that lost its lead can no longer stamp either."""

ENVELOPE = ("id", "name", "occurred_at", "data", "sequence", "correlation_id", "causation_id", "traceparent")
_CHANNEL = "ocr_invoice_events"
POSITIONS_CHANNEL = "ocr_invoice_positions"
"""Where the feed hears that events were published."""

ANNOUNCEMENT = select(func.pg_notify(_CHANNEL, ""))
"""Wakes the relay when its transaction commits."""

MAX_READ_BYTES = 4 * 1024 * 1024
"""Of the data in one batch of events, as stored: compressed. The last of them may exceed it."""

_bytes_before = func.sum(func.pg_column_size(events.c.data)).over(order_by=events.c.ordinal, rows=(None, -1))
_next = (
    select(events, func.coalesce(_bytes_before, 0).label("bytes_before"))
    .where(events.c.position.is_(None))
    .order_by(events.c.ordinal)
    .limit(bindparam("limit", type_=Integer))
    .subquery()
)
_UNPUBLISHED = (
    select(*(_next.c[column.name] for column in events.c))
    .where(_next.c.bytes_before < MAX_READ_BYTES)
    .order_by(_next.c.ordinal)
)

_ORDINALS: Any = bindparam("ordinals", type_=ARRAY(BigInteger))
_stamped = (
    update(events)
    .where(events.c.ordinal == any_(_ORDINALS), events.c.position.is_(None))
    .values(position=bindparam("after", type_=BigInteger) + func.width_bucket(events.c.ordinal, _ORDINALS))
    .returning(literal_column("1"))
    .cte("stamped")
)
_STAMP = select(func.pg_notify(POSITIONS_CHANNEL, "")).select_from(_stamped).limit(1)


def lead(connection: Connection) -> bool:
    """Try to become the relay that publishes, until `connection` closes; return whether that worked."""
    return bool(connection.execute(select(func.pg_try_advisory_lock(RELAY_LOCK))).scalar())


def unpublished(connection: Connection, limit: int) -> Sequence[RowMapping]:
    """Return up to `limit` events without a position, in an order that keeps each group's sequence; fewer where they
    are large.

    There is no cursor to fall behind: a transaction that commits late is simply among the next ones.
    """
    return connection.execute(_UNPUBLISHED, {"limit": limit}).mappings().all()


def cloud_event_of(row: RowMapping | dict[str, Any]) -> dict[str, Any]:
    """Return the event in `row` as a CloudEvent."""
    return cloud_event(**{attribute: row[attribute] for attribute in ENVELOPE})


def last_position(connection: Connection) -> int:
    """Return the highest position given so far, 0 if none."""
    return connection.execute(select(func.max(events.c.position))).scalar() or 0


def stamp(connection: Connection, published: Sequence[RowMapping], after: int) -> int:
    """Give `published`, which the broker has confirmed, the positions that follow `after`; return the last one.

    `published` is in the order of :func:`unpublished`: an event's number in it is found by halving. The feed is told
    by the same statement: one of its own would be a transaction more for each batch.
    """
    connection.execute(_STAMP, {"ordinals": [event["ordinal"] for event in published], "after": after})
    return after + len(published)


def read_in_order(connection: Connection) -> None:
    """Let `connection` find its events by their index, and never by sorting a backlog or reading the whole table.

    PostgreSQL learns of a backlog late. Until then it takes it for less than a batch, and sorts all of it for each one;
    a young table it takes for so small that it reads all of it for each stamp.
    """
    connection.execute(text("SET enable_sort = off"))
    connection.execute(text("SET enable_seqscan = off"))


def listen(connection: Connection) -> None:
    """Let `connection` hear announcements."""
    connection.execute(text(f"LISTEN {_CHANNEL}"))


def wait_for_events(connection: Connection, timeout_seconds: float) -> None:
    """Return when an announcement arrives on `connection`, or after `timeout_seconds`.

    Raises DatabaseUnavailable where the connection is lost meanwhile.
    """
    driver: Any = connection.connection.driver_connection
    try:
        for _ in driver.notifies(timeout=timeout_seconds, stop_after=1):
            pass
    except psycopg.OperationalError as error:
        # SQLAlchemy does not see what happens here, and gives it no name of its own.
        raise DatabaseUnavailable("wait for a notification", None, error) from error
