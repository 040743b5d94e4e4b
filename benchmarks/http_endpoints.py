"""What is asked over HTTP: ours, and the plain endpoint that it is compared with."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, repeat
from urllib.request import urlopen

import psycopg
from pydantic import SecretStr

from benchmarks.http_load import Requests, request
from benchmarks.stage import Stage
from models.store.migrations import upgrade
from tests.contract.http_api import GROUPS, client_of, free_port
from workers.supervision import environment

API_KEY = "benchmark"
NO_LIMIT_PER_MINUTE = 10**9
"""Counted like any other, and never reached."""
START_SECONDS = 30.0


@dataclass(frozen=True)
class Endpoint:
    """Somewhere that groups are written to and read from."""

    name: str
    url: str
    path: str
    prefer: str | None = None
    """What a write asks with the header of that name."""
    written_status: int = 201
    """Of the answer to a write."""

    def not_waiting(self) -> "Endpoint":
        """The same for callers to whom the broker's confirmation is enough: they look for the outcome later."""
        return replace(self, name="ours, not waiting", prefer="respond-async", written_status=202)

    def writes(self) -> Requests:
        """Requests that each create a group."""
        headers = {"X-API-Key": API_KEY} | ({"Prefer": self.prefer} if self.prefer else {})
        for number in count():
            body = json.dumps(_fields(number)).encode()
            yield request("POST", self.url, self.path, headers, body)

    def reads(self) -> Requests:
        """Requests for one group, which is made for them."""
        with client_of(self.url, API_KEY) as client:
            made = client.post(self.path, json=_fields(0)).json()
        group = made.get("data", made)
        return repeat(request("GET", self.url, f"{self.path}/{group['id']}", {"X-API-Key": API_KEY}))


@contextmanager
def our_service(
    shared: Stage,
    broker: str,
    *kinds: str,
    name: str = "ours, 1 process",
    rate_limit_per_minute: int = NO_LIMIT_PER_MINUTE,
) -> Iterator[Endpoint]:
    """Run our own processes of `kinds`, one of them the API, until the end of the block."""
    port = free_port()
    settings = shared.settings(
        broker, port=port, api_keys=(SecretStr(API_KEY),), rate_limit_per_minute=rate_limit_per_minute
    )
    with shared.service(settings, *kinds):
        yield _ready(Endpoint(name, f"http://127.0.0.1:{port}", GROUPS), "/readyz")


@contextmanager
def unguarded_service(shared: Stage) -> Iterator[Endpoint]:
    """Run the API alone, with neither keys nor limits, until the end of the block."""
    port = free_port()
    variables = environment.of_process(shared.settings("redis", port=port))
    with shared.running("unguarded", ["benchmarks.unguarded_api"], variables):
        yield _ready(Endpoint("neither", f"http://127.0.0.1:{port}", GROUPS), "/readyz")


@contextmanager
def plain_endpoint(shared: Stage, processes: int) -> Iterator[Endpoint]:
    """Run the plain endpoint in so many `processes`, until the end of the block."""
    port = free_port()
    variables = {
        "PLAIN_DATABASE_URL": _own_database(shared, f"plain_{processes}"),
        "PLAIN_API_KEY": API_KEY,
        "PLAIN_PORT": str(port),
        "PLAIN_PROCESSES": str(processes),
    }
    name = f"plain FastAPI and SQLAlchemy, {processes} process{'es' if processes > 1 else ''}"
    with shared.running(f"plain-{processes}", ["benchmarks.peers.plain_endpoint"], variables):
        yield _ready(Endpoint(name, f"http://127.0.0.1:{port}", "/job-groups"), "/openapi.json")


def _own_database(shared: Stage, name: str) -> str:
    """The relay would otherwise publish the plain endpoint's events, and take its time from it."""
    with psycopg.connect(shared.postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        own = connection.info.dbname
    url = shared.database_url.replace(f"/{own}", f"/{name}", 1)
    upgrade(url)
    return url


def _ready(endpoint: Endpoint, path: str) -> Endpoint:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urlopen(endpoint.url + path, timeout=5).close()
            return endpoint
        except OSError:
            assert time.monotonic() < deadline, f"{endpoint.name} did not start"
            time.sleep(0.1)


def _fields(number: int) -> dict[str, object]:
    return {
        "name": f"March invoices {number}",
        "description": "Invoices of suppliers, March",
        "batchNumber": f"BATCH-{number:06d}",
        "template": "standard-invoice",
        "tags": ["march", "suppliers"],
        "metadata": {"costCenter": "4711", "source": "scan"},
    }
