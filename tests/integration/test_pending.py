"""Notes of commands that were answered with 202, at a Redis that is there, and at one that hangs."""

import asyncio
import socket
import time

from redis.asyncio import Redis

from api_stub.backends import REDIS_TIMEOUT_SECONDS
from api_stub.pending import NOTE_SECONDS, PendingCommands
from models import names
from tests.commands import new_id

COUNT = 350
"""More than go to Redis together."""


def test_of_many_at_once_each_is_remembered(redis_url: str) -> None:
    async def run() -> None:
        async with Redis.from_url(redis_url) as redis:
            pending, ids = PendingCommands(redis), [new_id() for _ in range(COUNT)]
            await asyncio.gather(*(pending.remember(id_, names.JOB_GROUP_DELETE) for id_ in ids))
            assert {await pending.recall(id_) for id_ in ids} == {names.JOB_GROUP_DELETE}
            assert await pending.recall(new_id()) is None

    asyncio.run(run())


def test_a_redis_that_hangs_delays_the_last_of_them_no_longer_than_the_first() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
            async with Redis.from_url(url, socket_timeout=REDIS_TIMEOUT_SECONDS) as redis:
                pending, started_at = PendingCommands(redis), time.monotonic()
                await asyncio.gather(*(pending.remember(new_id(), names.JOB_GROUP_DELETE) for _ in range(COUNT)))
                assert time.monotonic() - started_at < 2 * NOTE_SECONDS

    asyncio.run(run())
