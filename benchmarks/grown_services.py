"""The service on databases of different sizes, all on the same servers at the same time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import psycopg
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from benchmarks.stage import Stage
from models.store.migrations import upgrade
from tests import grown_tables
from tests.contract.http_api import free_port

API_KEY = "benchmark"
NO_LIMIT_PER_MINUTE = 10**9
"""Counted like any other, and never reached."""
START_SECONDS = 60.0
CHUNK_COUNT = 100_000
FEW_JOBS, MANY_JOBS = 1_000, 100_000


@dataclass(frozen=True)
class GrownService:
    """The service, API and worker, on a database of `size` groups, the last two of which have few and many jobs."""

    size: int
    connection: HTTPConnection

    @property
    def few(self) -> str:
        """The id of the group with few jobs."""
        return str(grown_tables.group_id(self.size - 1))

    @property
    def many(self) -> str:
        """The id of the group with many jobs."""
        return str(grown_tables.group_id(self.size))

    def ask(self, path: str, body: bytes | None = None) -> tuple[bytes, str]:
        """Return an answer's body and its `Link`; raises AssertionError unless it is a success."""
        headers = {"X-API-Key": API_KEY, **({"Content-Type": "application/json"} if body else {})}
        self.connection.request("POST" if body else "GET", path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 201), (path, answer.status, content)
        return content, answer.getheader("Link", "")


@contextmanager
def grown_service(shared: Stage, size: int, number: int) -> Iterator[GrownService]:
    """Make a database of `size` groups, and run the service on it and on Redis's database `number`."""
    name = f"grown_{size}"
    with psycopg.connect(shared.postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    own = replace(
        shared,
        postgres_url=urlsplit(shared.postgres_url)._replace(path=f"/{name}").geturl(),
        redis_url=urlsplit(shared.redis_url)._replace(path=f"/{number}").geturl(),
    )
    upgrade(own.database_url)
    _grow(own.database_url, size)
    port = free_port()
    settings = own.settings(
        "redis", port=port, api_keys=(SecretStr(API_KEY),), rate_limit_per_minute=NO_LIMIT_PER_MINUTE
    )
    with own.service(settings, "worker", "api"):
        _wait_until_ready(port)
        yield GrownService(size, HTTPConnection("127.0.0.1", port, timeout=60))


def _grow(database_url: str, size: int) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    for first in range(1, size + 1, CHUNK_COUNT):
        with engine.begin() as connection:
            grown_tables.add_groups(connection, first, min(first + CHUNK_COUNT - 1, size))
    with engine.begin() as connection:
        grown_tables.add_jobs(connection, size - 5_000, size - 2, 20)
        grown_tables.add_jobs(connection, size - 1, size - 1, FEW_JOBS)
        grown_tables.add_jobs(connection, size, size, MANY_JOBS)
    grown_tables.settle(engine)


def _wait_until_ready(port: int) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        assert time.monotonic() < give_up_at, "the API does not get ready; its log is in the folder of the run"
        time.sleep(0.2)
