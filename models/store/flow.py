"""How fast commands are handled, and how far the relay is behind."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.tables import commands, events

WINDOW_SECONDS = 5
SETTLING_SECONDS = 1
"""A command that is handled becomes visible with its commit: the last moment is not counted yet."""
MAX_COUNTED = 100_000
"""Waiting events beyond which nobody needs the exact number."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Commands handled lately; events that are written and not yet published, and the age of the oldest of them."""

    commands_per_second: float
    backlog_count: int
    lag_seconds: float


async def read_flow(connection: AsyncConnection) -> Flow:
    """Return the figures of now. Each is read from an index, whose end is all that is looked at."""
    now = func.statement_timestamp()  # unlike the clock, a condition that an index can serve
    until = now - literal(timedelta(seconds=SETTLING_SECONDS))
    since = until - literal(timedelta(seconds=WINDOW_SECONDS))
    handled = select(func.count()).where(commands.c.handled_at > since, commands.c.handled_at <= until)
    unpublished = events.c.position.is_(None)
    waiting = select(literal(1)).where(unpublished).select_from(events).limit(MAX_COUNTED).subquery()
    oldest = select(events.c.occurred_at).where(unpublished).order_by(events.c.ordinal).limit(1).scalar_subquery()
    row = (
        await connection.execute(
            select(
                handled.scalar_subquery(),
                select(func.count()).select_from(waiting).scalar_subquery(),
                func.coalesce(func.extract("epoch", now - oldest), 0),
            )
        )
    ).one()
    return Flow(row[0] / WINDOW_SECONDS, row[1], max(0.0, float(row[2])))
