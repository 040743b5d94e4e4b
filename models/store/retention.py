"""Forgetting what is old enough."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, select

from models.store.tables import commands

CHUNK_COUNT = 5_000
"""Rows deleted in one transaction: small enough that nobody waits for it."""


def forget_commands(engine: Engine, *, older_than_days: int) -> int:
    """Delete the outcomes of commands handled more than `older_than_days` ago; return how many.

    After that a repeated command id is a new command. Safe on several machines at once.
    """
    cutoff = datetime.now(UTC) - timedelta(days=older_than_days)
    forgotten = 0
    while deleted := _forget_chunk(engine, cutoff):
        forgotten += deleted
    return forgotten


def _forget_chunk(engine: Engine, cutoff: datetime) -> int:
    oldest = (
        select(commands.c.id)
        .where(commands.c.handled_at < cutoff)
        .order_by(commands.c.handled_at)
        .limit(CHUNK_COUNT)
        .with_for_update(skip_locked=True)
    )
    with engine.begin() as connection:
        return connection.execute(delete(commands).where(commands.c.id.in_(oldest))).rowcount
