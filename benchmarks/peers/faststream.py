"""FastStream, asynchronous: a consumer group of a stream on Redis, a durable queue on RabbitMQ, both acknowledged."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from faststream.redis import RedisBroker, StreamSub
from redis import Redis

from benchmarks.peers import BROKER_URL, CONCURRENCY, PROCESS_COUNT, work
from models.commands import CommandEnvelope

NAME, GROUP = "bench.faststream", "bench"

pool = work.make_pool(CONCURRENCY)


async def handle(id: str, type: str, data: dict[str, Any]) -> None:
    await work.handle_in(pool, id, type, data)


if BROKER_URL.startswith("redis"):
    broker: Any = RedisBroker(BROKER_URL)
    stream = StreamSub(NAME, group=GROUP, consumer=str(os.getpid()), max_records=100)
    broker.subscriber(stream=stream, ack_policy=AckPolicy.ACK, max_workers=CONCURRENCY)(handle)
    destination: dict[str, Any] = {"stream": NAME}
else:
    broker = RabbitBroker(BROKER_URL, default_channel=Channel(prefetch_count=4 * CONCURRENCY))
    queue = RabbitQueue(NAME, durable=True)
    broker.subscriber(queue, ack_policy=AckPolicy.ACK)(handle)
    destination = {"queue": queue, "persist": True}

app = FastStream(broker, on_startup=[pool.open], after_shutdown=[pool.close])

WORKER = [
    *["faststream", "run", "benchmarks.peers.faststream:app", "--workers", str(PROCESS_COUNT)],
    *["--log-level", "warning"],
]


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a message for each of `commands`."""
    asyncio.run(_fill(commands))


async def _fill(commands: Sequence[CommandEnvelope]) -> None:
    await broker.connect()
    if BROKER_URL.startswith("redis"):
        with Redis.from_url(BROKER_URL) as redis:  # a group that its workers made would begin after what is here
            redis.xgroup_create(NAME, GROUP, id="0", mkstream=True)
    else:
        await broker.declare_queue(queue)
    for command in commands:
        message = {"id": command.id, "type": command.type, "data": command.data}
        await broker.publish(message, **destination)
    await broker.stop()
