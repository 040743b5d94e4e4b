"""What the database says of the whole service. Housekeeping tells it, of which one is enough for all processes."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from models.store import vital_signs
from models.store.engine import DatabaseUnavailable, make_engine
from workers.metrics.facts import Fact, Facts

STATEMENT_SECONDS = 4
"""With the margin for its answer less than a scrape may take (workers/supervision/metrics_endpoint.py)."""

FACTS: tuple[Fact[Connection], ...] = (
    Fact("jobgroups_outbox_events", "Events that wait to be published.", vital_signs.unpublished_count),
    Fact(
        "jobgroups_outbox_lag_seconds",
        "Seconds that the event to be published next has waited; 0 where none waits.",
        vital_signs.unpublished_seconds,
    ),
    Fact(
        "jobgroups_relay_leaders",
        "Relays that hold the lead: 1, or 0 where nobody publishes.",
        lambda connection: len(vital_signs.silence_of_the_lead(connection)),
    ),
    Fact(
        "jobgroups_dead_letters_waiting",
        "Dead letters that were neither replayed nor discarded, by reason.",
        vital_signs.unreplayed_letters,
        label="reason",
    ),
    Fact(
        "jobgroups_deliveries_pending",
        "Deliveries that wait for their first attempt, or for the next.",
        vital_signs.pending_deliveries_count,
    ),
    Fact(
        "jobgroups_deliveries_overdue_seconds",
        "Seconds that the delivery due longest has been due; 0 where none is.",
        vital_signs.overdue_deliveries_seconds,
    ),
    Fact("jobgroups_database_size_bytes", "The database on its disk.", vital_signs.database_bytes),
)


def database_facts(database_url: str) -> Facts[Connection]:
    """Return what is asked of the database, on a connection of its own: under the name of housekeeping it would pass
    for that at work."""
    engine = make_engine(database_url, statement_timeout_seconds=STATEMENT_SECONDS)
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Facts("database", lambda: _connected(engine), FACTS, (DatabaseUnavailable,))


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()  # PostgreSQL has few connections, and this one is asked for every fifteen seconds
