"""Celery as it comes: one task and one transaction for a command, acknowledged when it is done."""

from collections.abc import Sequence
from typing import Any

from celery import Celery

from benchmarks.peers import BROKER_URL, PROCESS_COUNT, work
from models.commands import CommandEnvelope

QUEUE = "bench.celery"

app = Celery("bench", broker=BROKER_URL, set_as_current=False)
app.conf.update(
    task_default_queue=QUEUE,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    # Enough for the children never to wait for the broker.
    worker_prefetch_multiplier=16,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

WORKER = [
    *["celery", "-A", "benchmarks.peers.celery:app", "worker", "--pool", "prefork"],
    *["--concurrency", str(PROCESS_COUNT), "--loglevel", "WARNING"],
    *["--without-gossip", "--without-mingle", "--without-heartbeat"],
]


@app.task(name="bench.handle")
def handle(id: str, type: str, data: dict[str, Any]) -> None:
    work.handle(id, type, data)


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a task for each of `commands`."""
    with app.producer_pool.acquire(block=True) as producer:
        for command in commands:
            handle.apply_async((command.id, command.type, command.data), producer=producer)
