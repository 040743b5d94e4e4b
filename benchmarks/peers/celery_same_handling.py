"""Celery as it comes, with our handling in it: one task and one transaction for a command, in our own tables."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Engine

from benchmarks.peers import DATABASE_URL
from benchmarks.peers.celery import WORKER as CELERY_WORKER
from benchmarks.peers.celery import app
from models.commands import CommandEnvelope
from models.store.engine import make_engine
from settings import Settings
from tasks import handling

WORKER = [
    argument.replace("benchmarks.peers.celery:", "benchmarks.peers.celery_same_handling:") for argument in CELERY_WORKER
]


@cache
def _engine() -> Engine:
    return make_engine(Settings(database_url=DATABASE_URL).require("database_url"))


@app.task(name="bench.handle_the_same")
def handle(id: str, type: str, data: dict[str, Any]) -> None:
    handling.handle(_engine(), [CommandEnvelope(id=id, type=type, data=data)])


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a task for each of `commands`."""
    with app.producer_pool.acquire(block=True) as producer:
        for command in commands:
            handle.apply_async((command.id, command.type, command.data), producer=producer)
