"""Hearing that there are new deliveries, beside the work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from sqlalchemy import Engine

from models.store.deliveries import listen_for_deliveries
from models.store.engine import DatabaseUnavailable
from models.store.outbox import wait_for_events

LISTEN_SECONDS = 1.0
"""How often it is looked whether to go on."""


@contextmanager
def hearing(engine: Engine, news: Event) -> Iterator[Callable[[], None]]:
    """Set `news` whenever a delivery is announced, and now and then without. Give a function that raises
    DatabaseUnavailable where nothing is heard any more."""
    stop = Event()
    lost: list[DatabaseUnavailable] = []

    def listen() -> None:
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                listen_for_deliveries(connection)
                while not stop.is_set():
                    wait_for_events(connection, LISTEN_SECONDS)
                    news.set()
                connection.invalidate()  # another user of the pool would be told of deliveries
        except DatabaseUnavailable as error:
            lost.append(error)
            news.set()

    def check() -> None:
        if lost:
            raise lost[0]

    Thread(target=listen, name="hearing", daemon=True).start()
    try:
        yield check
    finally:
        stop.set()  # and it need not be waited for
