"""What a worker's processes make of connections that were lost, or that are open and carry nothing."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from celery import Celery
from kombu import Connection
from redis import Redis
from sqlalchemy import text

import workers.intake_queue
from client.broker import broker_errors
from models.store.engine import make_async_engine
from tests.commands import eventually
from tests.contract.http_api import free_port
from tests.tcp_proxy import TcpProxy, proxy_to, through
from workers.guarded_redis import GuardedRedis
from workers.intake_queue import QueueSource

QUEUE = "tests.lost"
OPTIONS = {"socket_timeout": 0.5}
PATIENCE_SECONDS = 5.0
"""For one result: Celery's own store would try for twenty seconds."""


@pytest.fixture
def redis_proxy(redis_url: str) -> Iterator[TcpProxy]:
    with proxy_to(redis_url) as proxy:
        yield proxy
    with Redis.from_url(redis_url) as redis:
        redis.delete(QUEUE, f"_kombu.binding.{QUEUE}")


def test_intake_notices_that_rabbitmq_is_silent(rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.intake_queue, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(workers.intake_queue, "WAIT_SECONDS", 0.2)
    with proxy_to(rabbitmq_url) as proxy:
        source = QueueSource(through(proxy, rabbitmq_url))
        assert source.receive() == []
        proxy.abandon()
        with pytest.raises(broker_errors(rabbitmq_url), match="heartbeat"):
            eventually(source.receive)
        proxy.cut()
        source.close()


def test_what_cannot_be_acknowledged_makes_room(redis_url: str, redis_proxy: TcpProxy) -> None:
    with Connection(through(redis_proxy, redis_url), transport=GuardedRedis, transport_options=OPTIONS) as connection:
        queue = connection.SimpleQueue(QUEUE)
        queue.put("work")
        channel = queue.channel
        channel.basic_qos(0, 1, False)
        message = queue.get(timeout=5)
        assert not channel.qos.can_consume()
        redis_proxy.fall_silent()
        with pytest.raises(channel.connection_errors):
            message.ack()
        assert channel.qos.can_consume()
        redis_proxy.speak()
        queue.close()


@pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")  # by Celery
def test_results_are_kept(redis_url: str) -> None:
    with Celery("tests", set_as_current=False, backend=f"tasks.results:ResultStore+{redis_url}") as celery:
        celery.backend.mark_as_done("kept", {"status": "succeeded"})
        assert celery.backend.get_result("kept") == {"status": "succeeded"}
        celery.backend.forget("kept")


def test_a_result_that_redis_does_not_take_is_let_go() -> None:
    nowhere = f"tasks.results:ResultStore+redis://127.0.0.1:{free_port()}/0"
    with Celery("tests", set_as_current=False, backend=nowhere) as celery:
        began_at = time.monotonic()
        celery.backend.mark_as_done("lost", {"status": "succeeded"})
        assert time.monotonic() - began_at < PATIENCE_SECONDS


def test_who_is_cancelled_amid_a_question_ends(database_url: str) -> None:
    """Taken for an outage, it would be something to try again for ever, in a process that is to end."""

    async def cancel() -> None:
        engine = make_async_engine(database_url, pool_size=1)
        async with engine.connect() as connection:
            asking = asyncio.create_task(connection.execute(text("SELECT pg_sleep(20)")))
            await asyncio.sleep(0.2)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await connection.invalidate()
        await engine.dispose()

    asyncio.run(cancel())
