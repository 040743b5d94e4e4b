"""The intake while the database is away: what is no command waits for it, what is one does not."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection, Producer

from client.broker import COMMAND_QUEUE, DEAD_LETTER_QUEUE, INTAKE_QUEUE, connect
from models import names
from tests.commands import create, document, eventually, new_id
from workers.supervision.processes import ChildProcess, ProcessSpec

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def rabbitmq(rabbitmq_url: str) -> Iterator[Connection]:
    with connect(rabbitmq_url) as connection:
        channel = connection.default_channel
        queues = [queue(channel) for queue in (COMMAND_QUEUE, INTAKE_QUEUE, DEAD_LETTER_QUEUE)]
        for queue in queues:
            queue.declare()
        yield connection
        for queue in queues:
            queue.delete()


@pytest.fixture
def log(rabbitmq_url: str, redis_url: str, tmp_path: Path) -> Iterator[Path]:
    """The log of a running intake whose database does not answer."""
    log = tmp_path / "intake.log"
    addresses = {
        "JOBGROUPS_DATABASE_URL": NOWHERE,
        "JOBGROUPS_BROKER_URL": rabbitmq_url,
        "JOBGROUPS_REDIS_URL": redis_url,
    }
    arguments = (sys.executable, "-m", "workers.command_line", "intake")
    intake = ChildProcess(ProcessSpec("intake", arguments, log, environment=os.environ | addresses))
    yield log
    intake.stop()


def passed_on(rabbitmq: Connection) -> list[str]:
    """The ids of the commands in the command queue."""
    queue = COMMAND_QUEUE(rabbitmq.default_channel)
    messages = iter(lambda: queue.get(no_ack=True), None)
    return [command["id"] for message in messages for command in message.payload[1]["commands"]]


def test_commands_are_passed_on_once_whatever_lies_between_them(rabbitmq: Connection, log: Path) -> None:
    commands = [create(new_id()) for _ in range(5)]
    producer = Producer(rabbitmq.default_channel, exchange=INTAKE_QUEUE.exchange)
    for body in [document(commands[0]), b"no command", *map(document, commands[1:])]:
        producer.publish(body, routing_key=names.INTAKE, content_type="application/json", content_encoding="utf-8")

    eventually(lambda: log.read_text().count('"failures":3'))
    assert sorted(passed_on(rabbitmq)) == sorted(command.id for command in commands)
