"""The bounds on waits for PostgreSQL, on real connections, and through a network that falls silent."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from models.store.bounded_connections import bounded_async_connect
from models.store.engine import ANSWER_MARGIN_SECONDS, DatabaseUnavailable, make_async_engine, make_engine
from tests.tcp_proxy import TcpProxy

BOUNDS = {"lock_timeout": "5s", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "20s"}
LOST_PEER = {
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "20s",
}
SHOW = text("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(:names)")


@pytest.fixture
def proxy(database_url: str) -> Iterator[TcpProxy]:
    with TcpProxy(f"{make_url(database_url).query['host']}/.s.PGSQL.5432") as proxy:
        yield proxy


def through(proxy: TcpProxy, url: str) -> str:
    direct = make_url(url).difference_update_query(["host"])
    return direct.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)


@pytest.fixture
def engine(proxy: TcpProxy, database_url: str) -> Iterator[Engine]:
    """One whose server has three seconds to answer."""
    engine = make_engine(through(proxy, database_url), statement_timeout_seconds=1)
    yield engine
    engine.dispose()


def test_every_connection_has_its_bounds(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert dict(connection.execute(SHOW, {"names": list(BOUNDS)}).all()) == BOUNDS
    engine.dispose()


def test_every_connection_of_the_http_stub_has_the_same(database_url: str) -> None:
    async def shown() -> dict[str, Any]:
        engine = make_async_engine(database_url)
        async with engine.connect() as connection:
            found = dict((await connection.execute(SHOW, {"names": list(BOUNDS)})).all())
        await engine.dispose()
        return found

    assert asyncio.run(shown()) == BOUNDS


def test_the_server_is_told_when_to_let_go_of_a_lost_client(proxy: TcpProxy, database_url: str) -> None:
    """Told, not shown: the server's end of the proxy is a Unix socket, where these mean nothing."""
    engine = make_engine(through(proxy, database_url))
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        options = driver.info.get_parameters()["options"]
    engine.dispose()
    assert {f"{name}={value}" for name, value in LOST_PEER.items()} <= set(options.split())


def test_a_silent_database_is_given_up_and_found_again(proxy: TcpProxy, engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        proxy.fall_silent()
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            connection.scalar(text("SELECT 2"))
        assert time.monotonic() - begun < 1 + ANSWER_MARGIN_SECONDS + 5
        assert connection.invalidated
    proxy.speak()
    proxy.cut()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 3")) == 3


def test_a_transaction_that_the_server_ended_is_to_be_tried_again(database_url: str) -> None:
    """As of a process that was frozen amid it."""
    engine = make_engine(database_url)
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
        time.sleep(0.5)
        with pytest.raises(DatabaseUnavailable, match="idle-in-transaction"):
            connection.execute(text("SELECT 1"))
        assert connection.invalidated
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_a_refusal_of_the_database_leaves_the_connection_open(engine: Engine) -> None:
    with engine.connect() as connection:
        before = connection.scalar(text("SELECT pg_backend_pid()"))
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(2)"))
        connection.rollback()
        assert connection.scalar(text("SELECT pg_backend_pid()")) == before


def test_a_read_of_the_http_stub_gives_a_silent_database_up(proxy: TcpProxy, database_url: str) -> None:
    async def read() -> bool:
        arguments = {"async_creator_fn": bounded_async_connect(1.0)}
        engine = create_async_engine(through(proxy, database_url), connect_args=arguments)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            proxy.fall_silent()
            with pytest.raises(OperationalError):
                await connection.execute(text("SELECT 2"))
            invalidated = connection.invalidated
        await engine.dispose()
        return invalidated

    assert asyncio.run(asyncio.wait_for(read(), 10))


def test_a_database_that_accepts_and_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        engine = make_engine(f"postgresql+psycopg://nobody@127.0.0.1:{listener.getsockname()[1]}/none")
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            engine.connect()
        assert time.monotonic() - begun < 10
