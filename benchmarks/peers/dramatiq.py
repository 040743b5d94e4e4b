"""dramatiq: an actor, acknowledged when it is done, as dramatiq always does."""

from collections.abc import Sequence
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers import BROKER_URL, PROCESS_COUNT, work
from models.commands import CommandEnvelope

THREAD_COUNT = 4
"""In each process: while one waits for PostgreSQL another works."""

broker = (
    RedisBroker(url=BROKER_URL)
    if BROKER_URL.startswith("redis")
    else RabbitmqBroker(url=BROKER_URL.removesuffix("/") + "%2F")  # how pika spells the virtual host /
)
dramatiq.set_broker(broker)

WORKER = [
    *["dramatiq", "benchmarks.peers.dramatiq", "--processes", str(PROCESS_COUNT), "--threads", str(THREAD_COUNT)],
    *["--queues", "bench.dramatiq"],
]


@dramatiq.actor(queue_name="bench.dramatiq", max_retries=0)
def handle(id: str, type: str, data: dict[str, Any]) -> None:
    work.handle(id, type, data)


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a message for each of `commands`."""
    for command in commands:
        handle.send(command.id, command.type, command.data)
