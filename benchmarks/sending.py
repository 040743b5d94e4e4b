"""Queueing commands for our own worker, as a Celery client does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu import Producer

from client.broker import COMMAND_QUEUE, celery_settings
from models import names
from models.commands import CommandEnvelope

BATCH_COUNT = 100
EMPTY_TASK = "bench.nothing"


def send_singly(broker_url: str, commands: Sequence[CommandEnvelope]) -> None:
    """Queue each of `commands` as a task of its own."""
    with _sender(broker_url) as (app, producer):
        for command in commands:
            app.send_task(command.type, kwargs=command.data, task_id=command.id, producer=producer)


def send_batches(broker_url: str, commands: Sequence[CommandEnvelope], count: int = BATCH_COUNT) -> None:
    """Queue `commands` in messages of `count`."""
    with _sender(broker_url) as (app, producer):
        for start in range(0, len(commands), count):
            batch = [_item(command) for command in commands[start : start + count]]
            app.send_task(names.HANDLE_BATCH, kwargs={"commands": batch}, ignore_result=True, producer=producer)


def send_empty(broker_url: str, commands: Sequence[CommandEnvelope]) -> None:
    """Queue, for each of `commands`, the task that does nothing, with the same data for it to ignore."""
    with _sender(broker_url) as (app, producer):
        for command in commands:
            app.send_task(EMPTY_TASK, kwargs=command.data, task_id=command.id, producer=producer)


def empty_queue(broker_url: str) -> None:
    """Leave no message in the queue of our commands, and make it where it is missing."""
    with _sender(broker_url) as (_, producer):
        COMMAND_QUEUE.bind(producer.channel).declare()
        COMMAND_QUEUE.bind(producer.channel).purge()


def _item(command: CommandEnvelope) -> dict[str, Any]:
    return command.model_dump(mode="json", exclude_none=True)


@contextmanager
def _sender(broker_url: str) -> Iterator[tuple[Celery, Producer]]:
    app = Celery("bench.sender", set_as_current=False)
    app.conf.update(celery_settings(broker_url))
    with app.connection_for_write() as connection:
        yield app, app.amqp.Producer(connection)
    app.close()
