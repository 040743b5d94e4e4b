"""taskiq, asynchronous: on Redis its stream broker, which alone acknowledges there, on RabbitMQ its aio-pika broker."""

import asyncio
from collections.abc import Sequence
from typing import Any

from taskiq import AsyncBroker, TaskiqEvents, TaskiqState
from taskiq_aio_pika import AioPikaBroker
from taskiq_redis import RedisStreamBroker

from benchmarks.peers import BROKER_URL, CONCURRENCY, PROCESS_COUNT, work
from models.commands import CommandEnvelope

broker: AsyncBroker = (
    RedisStreamBroker(BROKER_URL, queue_name="bench.taskiq", consumer_id="0")
    if BROKER_URL.startswith("redis")
    else AioPikaBroker(BROKER_URL, qos=4 * CONCURRENCY)
)
pool = work.make_pool(CONCURRENCY)

WORKER = [
    *["taskiq", "worker", "benchmarks.peers.taskiq:broker", "--workers", str(PROCESS_COUNT)],
    *["--max-async-tasks", str(CONCURRENCY), "--max-prefetch", str(4 * CONCURRENCY), "--log-level", "WARNING"],
    *["--shutdown-timeout", "1", "--wait-tasks-timeout", "1"],
]


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def connect(_: TaskiqState) -> None:
    await pool.open()


@broker.task
async def handle(id: str, type: str, data: dict[str, Any]) -> None:
    await work.handle_in(pool, id, type, data)


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a task for each of `commands`."""
    asyncio.run(_fill(commands))


async def _fill(commands: Sequence[CommandEnvelope]) -> None:
    await broker.startup()
    for command in commands:
        await handle.kiq(command.id, command.type, command.data)
    await broker.shutdown()
