"""Forgetting what is old enough: outcomes, published events, and the jobs of deleted groups."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, delete, select, tuple_

from models.store.tables import commands, events, job_groups, jobs

CHUNK_COUNT = 5_000
"""Rows deleted in one transaction: small enough that nobody waits for it."""


def forget_commands(engine: Engine, *, older_than_days: int) -> int:
    """Delete the outcomes of commands handled more than `older_than_days` ago; return how many.

    After that a repeated command id is a new command. Safe on several machines at once, as all of this module.
    """
    return _repeat(engine, _commands_chunk, older_than_days)


def forget_events(engine: Engine, *, older_than_days: int) -> int:
    """Delete events that happened more than `older_than_days` ago and are published; return how many."""
    return _repeat(engine, _events_chunk, older_than_days)


def forget_jobs(engine: Engine, *, older_than_days: int) -> int:
    """Delete the jobs of groups that were deleted more than `older_than_days` ago; return how many."""
    return _repeat(engine, _jobs_chunk, older_than_days)


def _repeat(engine: Engine, delete_chunk: Callable[[Connection, datetime], int], older_than_days: int) -> int:
    cutoff = datetime.now(UTC) - timedelta(days=older_than_days)
    forgotten = 0
    while deleted := _in_transaction(engine, delete_chunk, cutoff):
        forgotten += deleted
    return forgotten


def _in_transaction(engine: Engine, delete_chunk: Callable[[Connection, datetime], int], cutoff: datetime) -> int:
    with engine.begin() as connection:
        return delete_chunk(connection, cutoff)


def _commands_chunk(connection: Connection, cutoff: datetime) -> int:
    oldest = select(commands.c.id).where(commands.c.handled_at < cutoff).order_by(commands.c.handled_at)
    chunk = oldest.limit(CHUNK_COUNT).with_for_update(skip_locked=True)
    return connection.execute(delete(commands).where(commands.c.id.in_(chunk))).rowcount


def _events_chunk(connection: Connection, cutoff: datetime) -> int:
    published = select(events.c.group_id, events.c.id).where(events.c.position.is_not(None))
    chunk = published.where(events.c.occurred_at < cutoff).order_by(events.c.position).limit(CHUNK_COUNT)
    key = tuple_(events.c.group_id, events.c.id)
    return connection.execute(delete(events).where(key.in_(chunk.with_for_update(skip_locked=True)))).rowcount


def _jobs_chunk(connection: Connection, cutoff: datetime) -> int:
    of_deleted = select(jobs.c.group_id, jobs.c.id).join(job_groups, job_groups.c.id == jobs.c.group_id)
    chunk = of_deleted.where(job_groups.c.deleted_at < cutoff).limit(CHUNK_COUNT)
    key = tuple_(jobs.c.group_id, jobs.c.id)
    locked = chunk.with_for_update(of=jobs, skip_locked=True)
    return connection.execute(delete(jobs).where(key.in_(locked))).rowcount
