"""What PostgreSQL can tell of the service's health: its settings, its clock, and when which process last asked it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from models.store.delivery_table import PENDING, deliveries
from models.store.outbox import RELAY_LOCK
from models.store.tables import api_keys, dead_letters, events

HOUSEKEEPING = "jobgroups housekeeping"
NOTIFIER = "jobgroups notifier"
"""The names under which these processes are known to PostgreSQL."""

# A frozen process keeps its connection: that it was used a moment ago is what tells one that works.
_SILENCE = """
SELECT CASE WHEN state = 'active' THEN interval '0' ELSE clock_timestamp() - state_change END AS silence
FROM pg_stat_activity AS sessions
"""
_LEAD = f"""{_SILENCE}
JOIN pg_locks AS locks ON locks.pid = sessions.pid AND locks.database = sessions.datid
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :lock AND objsubid = 1
  AND datname = current_database()
"""
_NAMED = f"{_SILENCE} WHERE datname = current_database() AND application_name = :name ORDER BY silence"


def server_version(connection: Connection) -> str:
    """Return PostgreSQL's version, such as "18.0"."""
    return str(connection.execute(text("SHOW server_version")).scalar_one())


def server_settings(connection: Connection, names: Sequence[str]) -> Mapping[str, str]:
    """Return the values of PostgreSQL's settings `names`, as they hold on `connection`."""
    query = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    return {row.name: row.setting for row in connection.execute(query, {"names": list(names)})}


def clock(connection: Connection) -> datetime:
    """Return what the time is for PostgreSQL."""
    instant: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return instant


def silence_of_the_lead(connection: Connection) -> Sequence[timedelta | None]:
    """Return how long ago the relay that leads asked PostgreSQL something: one item, or none where none leads.

    None for what the role of `connection` may not know.
    """
    return connection.execute(text(_LEAD), {"lock": RELAY_LOCK}).scalars().all()


def silences_of(connection: Connection, name: str) -> Sequence[timedelta | None]:
    """Return the same of every connection of this name, the latest first."""
    return connection.execute(text(_NAMED), {"name": name}).scalars().all()


def first_unpublished(connection: Connection) -> int | None:
    """Return the ordinal of the event that is to be published next; None where all are."""
    waiting = select(events.c.ordinal).where(events.c.position.is_(None)).order_by(events.c.ordinal)
    return connection.execute(waiting.limit(1)).scalar_one_or_none()


def unpublished_count(connection: Connection) -> int:
    """Return how many events are not yet published."""
    return connection.execute(select(func.count()).where(events.c.position.is_(None))).scalar_one()


def overdue_deliveries_count(connection: Connection, before: datetime) -> int:
    """Return how many deliveries should have had their next attempt before this time."""
    overdue = deliveries.c.next_attempt_at < before
    return connection.execute(select(func.count()).select_from(deliveries).where(PENDING, overdue)).scalar_one()


def unreplayed_letters_count(connection: Connection) -> int:
    """Return how many dead letters nobody has replayed."""
    return connection.execute(select(func.count()).where(dead_letters.c.replayed_at.is_(None))).scalar_one()


def live_keys_count(connection: Connection) -> int:
    """Return how many API keys are in force."""
    return connection.execute(select(func.count()).where(api_keys.c.revoked_at.is_(None))).scalar_one()


def unpublished_seconds(connection: Connection) -> float:
    """Return for how many seconds the event that is to be published next has waited; 0 where none waits."""
    waited = func.extract("epoch", func.clock_timestamp() - events.c.occurred_at)
    first = select(waited).where(events.c.position.is_(None)).order_by(events.c.ordinal).limit(1)
    # The clock is PostgreSQL's, the event's instant a worker's.
    return max(0.0, float(connection.execute(first).scalar_one_or_none() or 0))


def unreplayed_letters(connection: Connection) -> Mapping[str, int]:
    """Return how many dead letters nobody has replayed, by their reason."""
    query = select(dead_letters.c.reason, func.count()).where(dead_letters.c.replayed_at.is_(None))
    return {row.reason: row[1] for row in connection.execute(query.group_by(dead_letters.c.reason))}


def pending_deliveries_count(connection: Connection) -> int:
    """Return how many deliveries wait for their first attempt, or for the next."""
    return connection.execute(select(func.count()).select_from(deliveries).where(PENDING)).scalar_one()


def overdue_deliveries_seconds(connection: Connection) -> float:
    """Return for how many seconds the delivery that is due longest has been due; 0 where none is."""
    overdue = func.extract("epoch", func.clock_timestamp() - func.min(deliveries.c.next_attempt_at))
    return max(0.0, float(connection.execute(select(overdue).where(PENDING)).scalar_one() or 0))


def database_bytes(connection: Connection) -> int:
    """Return the size of the database on its disk."""
    return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())
