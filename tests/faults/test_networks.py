"""Networks that fall silent: connections that look open and carry nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from models.store.engine import LOST_PEER_SECONDS
from tests.commands import eventually
from tests.faults.conftest import OpenStage
from tests.faults.http_writers import http_writers, readiness
from tests.faults.outages import judge, ride_out
from tests.faults.servers import Servers
from tests.faults.stage import Stage
from tests.tcp_proxy import TcpProxy

PACE = {"pause_seconds": 0.05}
"""Of the load, so that it lasts for longer than the silence."""
SILENT_SECONDS = 18.0


@contextmanager
def through(url: str) -> Iterator[tuple[TcpProxy, str]]:
    """Give a proxy to the server at `url`, and the address of that server through it."""
    parts = urlsplit(url)
    credentials, _, address = parts.netloc.rpartition("@")
    host, port = address.rsplit(":", 1)
    with TcpProxy((host, int(port))) as proxy:
        yield proxy, parts._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}").geturl()


@contextmanager
def through_to_postgres(servers: Servers) -> Iterator[tuple[TcpProxy, str]]:
    """Give a proxy to PostgreSQL, which listens on a Unix socket, and its address through it."""
    with TcpProxy(str(servers.postgres.socket_directory / ".s.PGSQL.5432")) as proxy:
        yield proxy, f"postgresql://postgres@127.0.0.1:{proxy.port}/jobgroups"


def silence(s: Stage, proxy: TcpProxy, missing: str) -> None:
    """Let nothing through for a while; then all connections of that time break, and new ones work."""

    def end() -> None:
        proxy.cut()
        proxy.speak()

    ride_out(s, proxy.fall_silent, end, seconds=SILENT_SECONDS, missing={missing})


def abandon(s: Stage, proxy: TcpProxy, *, server_notices_after_seconds: float | None = None) -> None:
    """Let nothing through any more on the connections that there are."""
    with http_writers(s) as writers:
        s.load.start()
        s.wait_for_outcomes(0.2)
        proxy.abandon()
        s.healed()
        if server_notices_after_seconds is not None:
            time.sleep(server_notices_after_seconds)
            proxy.end_abandoned_at_server()
        s.load.wait()
        eventually(lambda: readiness(writers.url) == set())
    judge(s, writers)


def test_broker_falls_silent(open_stage: OpenStage, servers: Servers, broker: str) -> None:
    """nothing comes through to the broker or back for 18 s, then every connection breaks"""
    with through(servers.broker_url(broker)) as (proxy, url), open_stage(broker_url=url, **PACE) as s:
        silence(s, proxy, "broker")


def test_connections_to_broker_half_open(open_stage: OpenStage, servers: Servers, broker: str) -> None:
    """every connection to the broker stays open and silent for ever; new ones work"""
    with through(servers.broker_url(broker)) as (proxy, url), open_stage(broker_url=url, **PACE) as s:
        abandon(s, proxy)


def test_postgres_falls_silent(open_stage: OpenStage, servers: Servers) -> None:
    """nothing comes through to PostgreSQL or back for 18 s, then every connection breaks"""
    with through_to_postgres(servers) as (proxy, url), open_stage(database_url=url, **PACE) as s:
        silence(s, proxy, "postgresql")


def test_connections_to_postgres_half_open(open_stage: OpenStage, servers: Servers) -> None:
    """every connection to PostgreSQL stays open and silent for ever; new ones work, the server notices after 20 s"""
    with through_to_postgres(servers) as (proxy, url), open_stage(database_url=url, **PACE) as s:
        # As its keepalives would, which a Unix socket has not: until then the lost sessions hold their locks.
        abandon(s, proxy, server_notices_after_seconds=LOST_PEER_SECONDS)


def test_redis_of_outcomes_falls_silent(open_stage: OpenStage, servers: Servers) -> None:
    """nothing comes through to the Redis of outcomes or back for 18 s, then every connection breaks"""
    with through(servers.redis.url) as (proxy, url), open_stage(redis_url=url, **PACE) as s:
        silence(s, proxy, "redis")


def test_connections_to_redis_of_outcomes_half_open(open_stage: OpenStage, servers: Servers) -> None:
    """every connection to the Redis of outcomes stays open and silent for ever; new ones work"""
    with through(servers.redis.url) as (proxy, url), open_stage(redis_url=url, **PACE) as s:
        abandon(s, proxy)
