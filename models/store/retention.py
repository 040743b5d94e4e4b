"""Forgetting what is old enough and has ended: outcomes, published events, deliveries, dead letters, jobs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, literal, or_, select, true, tuple_

from models.store.delivery_table import PENDING, deliveries
from models.store.tables import commands, dead_letters, events, job_groups, jobs

CHUNK_COUNT = 5_000
"""Rows deleted in one transaction: small enough that nobody waits for it."""


def forget_commands(engine: Engine, *, older_than_days: int) -> int:
    """Delete the outcomes of commands handled more than `older_than_days` ago; return how many.

    After that a repeated command id is a new command. Safe on several machines at once, as all of this module.
    """
    return _repeat(engine, _commands_chunk, older_than_days)


def forget_events(engine: Engine, *, older_than_days: int) -> int:
    """Delete published events, from the oldest on, that happened more than `older_than_days` ago, up to the first that
    waits for a delivery; return how many."""
    return _repeat(engine, _events_chunk, older_than_days)


def forget_deliveries(engine: Engine, *, older_than_days: int) -> int:
    """Delete deliveries that ended more than `older_than_days` ago; return how many."""
    return _repeat(engine, _deliveries_chunk, older_than_days)


def forget_dead_letters(engine: Engine, *, older_than_days: int) -> int:
    """Delete dead letters that were last replayed more than `older_than_days` ago; return how many.

    The others stay: nobody has done anything about them yet.
    """
    return _repeat(engine, _dead_letters_chunk, older_than_days)


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
    chunk = oldest.limit(_chunk()).with_for_update(skip_locked=True)
    return connection.execute(delete(commands).where(commands.c.id.in_(chunk))).rowcount


def _events_chunk(connection: Connection, cutoff: datetime) -> int:
    """From the oldest on, up to the first that is not old enough, or still to be delivered: readers of the feed count
    on there being no gap, so that nobody may skip what another has locked. The newest stays, since the relay counts on
    from it.

    The oldest are looked at whether they are old enough or not: a search for old ones would, when the last of them is
    gone, read all the others."""
    published = select(events.c.group_id, events.c.id, events.c.position, events.c.occurred_at)
    by_position = published.where(events.c.position.is_not(None)).order_by(events.c.position)
    oldest = by_position.limit(_chunk()).with_for_update().cte("oldest")
    key = tuple_(oldest.c.group_id, oldest.c.id)
    waiting = select(deliveries.c.id).where(PENDING, tuple_(deliveries.c.group_id, deliveries.c.event_id) == key)
    wanted = or_(oldest.c.occurred_at >= cutoff, waiting.exists())
    first_wanted = select(func.min(oldest.c.position)).where(wanted).scalar_subquery()
    newest = select(func.max(events.c.position)).scalar_subquery()
    chunk = select(oldest.c.group_id, oldest.c.id).where(oldest.c.position < func.least(first_wanted, newest))
    return connection.execute(delete(events).where(tuple_(events.c.group_id, events.c.id).in_(chunk))).rowcount


def _deliveries_chunk(connection: Connection, cutoff: datetime) -> int:
    ended = deliveries.c.ended_at.is_not(None) & (deliveries.c.ended_at < cutoff)
    oldest = select(deliveries.c.group_id, deliveries.c.id).where(ended).order_by(deliveries.c.ended_at)
    chunk = oldest.limit(_chunk()).with_for_update(skip_locked=True)
    return connection.execute(
        delete(deliveries).where(tuple_(deliveries.c.group_id, deliveries.c.id).in_(chunk))
    ).rowcount


def _dead_letters_chunk(connection: Connection, cutoff: datetime) -> int:
    replayed = select(dead_letters.c.group_id, dead_letters.c.id).where(dead_letters.c.replayed_at < cutoff)
    chunk = replayed.order_by(dead_letters.c.replayed_at).limit(_chunk()).with_for_update(skip_locked=True)
    return connection.execute(
        delete(dead_letters).where(tuple_(dead_letters.c.group_id, dead_letters.c.id).in_(chunk))
    ).rowcount


def _jobs_chunk(connection: Connection, cutoff: datetime) -> int:
    """Group by group: most deleted groups have no jobs left, which PostgreSQL does not know. It would look for the
    first of thousands by reading all jobs there are."""
    of_group = select(jobs.c.group_id, jobs.c.id).where(jobs.c.group_id == job_groups.c.id).limit(_chunk())
    locked = of_group.with_for_update(skip_locked=True).lateral("of_group")
    of_deleted = select(locked.c.group_id, locked.c.id).select_from(job_groups).join(locked, true())
    # The second condition says what the index holds, and so how few there are.
    are_deleted = (job_groups.c.deleted_at < cutoff) & job_groups.c.deleted_at.is_not(None)
    chunk = of_deleted.where(are_deleted).limit(_chunk())
    return connection.execute(delete(jobs).where(tuple_(jobs.c.group_id, jobs.c.id).in_(chunk))).rowcount


def _chunk() -> ColumnElement[int]:
    """Spelled out: a plan that is kept for any limit is made for a tenth of the table."""
    return literal(CHUNK_COUNT, literal_execute=True)
