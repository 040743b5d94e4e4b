"""Celery as it comes, with a task that does nothing."""

from collections.abc import Sequence
from typing import Any

from benchmarks.peers.celery import WORKER as CELERY_WORKER
from benchmarks.peers.celery import app
from models.commands import CommandEnvelope

WORKER = [argument.replace("benchmarks.peers.celery:", "benchmarks.peers.celery_empty:") for argument in CELERY_WORKER]


@app.task(name="bench.empty")
def nothing(**_: Any) -> None:
    """Do nothing."""


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a task for each of `commands`, with its data to ignore."""
    with app.producer_pool.acquire(block=True) as producer:
        for command in commands:
            nothing.apply_async(kwargs=command.data, producer=producer)
