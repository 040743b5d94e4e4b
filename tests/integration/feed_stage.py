"""A process of the HTTP stub on a database of its own, in which a test publishes what it likes."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import Engine, text

from models.store.engine import make_engine
from models.store.outbox import last_position, stamp, unpublished
from tests.contract.http_api import STUB, Service, stub_of
from tests.integration.relaying import connected, row, write

BATCH_COUNT = 500


@dataclass(frozen=True)
class Stage:
    """`url` is where the stub listens."""

    url: str
    api_key: str
    engine: Engine

    @property
    def process(self) -> psutil.Process:
        """The stub."""
        port = int(self.url.rpartition(":")[2])
        return next(each for each in psutil.Process().children(recursive=True) if listens(each, port))

    def publish(self, count: int, **data: Any) -> int:
        """Publish `count` events with `data` in them, and return the last one's position."""
        rows = [row(1, uuid4()) for _ in range(count)]
        return publish(self.engine, [each | {"data": each["data"] | data} for each in rows])

    def scalar(self, sql: str) -> Any:
        """Return what `sql` finds."""
        with self.engine.begin() as connection:
            return connection.execute(text(sql)).scalar()


def publish(engine: Engine, rows: Sequence[dict[str, Any]]) -> int:
    """Give `rows` the next positions, as the relay does, and return the last one."""
    write(engine, rows)
    with connected(engine) as relay:
        position = last_position(relay)
        while batch := unpublished(relay, BATCH_COUNT):
            position = stamp(relay, batch, after=position)
    return position


def publish_beforehand(database_url: str, count: int) -> int:
    engine = make_engine(database_url)
    last = publish(engine, [row(number, uuid4()) for number in range(count)])
    engine.dispose()
    return last


def listens(process: psutil.Process, port: int) -> bool:
    try:
        return any(each.laddr.port == port for each in process.net_connections() if each.status == psutil.CONN_LISTEN)
    except psutil.Error:
        return False


@contextmanager
def stage(service: Service, database_url: str, directory: Path, *, patch: str = "", **settings: Any) -> Iterator[Stage]:
    """Start a stub, `patch`ed where a test cannot wait for what it would do otherwise."""
    program = (
        sys.executable,
        "-c",
        f"from api_stub import __main__ as main, feed_streams, strict_http\n{patch}\nmain.main()",
    )
    engine = make_engine(database_url, pool_size=4)
    try:
        with stub_of(
            service, directory, program=program if patch else STUB, database_url=database_url, **settings
        ) as url:
            yield Stage(url, service.api_key, engine)
    finally:
        engine.dispose()
