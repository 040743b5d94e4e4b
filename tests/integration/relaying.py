"""Events as tests write them to the outbox, and a relay that takes them to a broker."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from models import names
from models.store.bulk import write_rows
from models.store.outbox import ANNOUNCEMENT, unpublished
from models.store.tables import events
from tests.commands import eventually, select
from workers.publisher import EventPublisher
from workers.relay import _relay

STREAM_MAX_COUNT = 1000


def row(number: int, group_id: UUID, *, id_: UUID | None = None, name: str = names.JOB_GROUP_UPDATED) -> dict[str, Any]:
    """An event; its data tell its number."""
    return {
        "group_id": group_id,
        "id": id_ or uuid4(),
        "sequence": number,
        "name": name,
        "data": {"groupId": str(group_id), "number": number},
        "occurred_at": datetime.now(UTC),
    }


def write(engine: Engine, rows: Sequence[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        write_rows(connection, {events: rows})
        connection.execute(ANNOUNCEMENT)


def stored(engine: Engine) -> list[dict[str, Any]]:
    url = engine.url.render_as_string(hide_password=False)
    return select(url, "SELECT * FROM events ORDER BY position, ordinal")


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """A connection as the relay has one; closed, not pooled, at the end."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
        connection.invalidate()


@contextmanager
def relaying(engine: Engine, publisher: Any) -> Iterator[Any]:
    """Run the relay in a thread; its future tells how it ended."""
    stop = Event()

    def run() -> None:
        with connected(engine) as connection:
            _relay(connection, publisher, stop)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run)
        stop.set()
        with engine.begin() as connection:
            connection.execute(ANNOUNCEMENT)  # it need not wait for its next poll


def publishing(broker_url: str) -> EventPublisher:
    return EventPublisher(broker_url, stream_max_count=STREAM_MAX_COUNT)


def all_are_published(engine: Engine) -> bool:
    with engine.connect() as connection:
        return not unpublished(connection, 1)


def publish_everything(engine: Engine, broker_url: str) -> None:
    with publishing(broker_url) as publisher, relaying(engine, publisher):
        eventually(lambda: all_are_published(engine))
