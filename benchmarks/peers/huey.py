"""huey, on Redis alone. It acknowledges nothing, which is cheaper: a task whose worker is killed is gone."""

from collections.abc import Sequence
from typing import Any

from huey import RedisHuey

from benchmarks.peers import BROKER_URL, PROCESS_COUNT, work
from models.commands import CommandEnvelope

huey = RedisHuey("bench", url=BROKER_URL or "redis://", results=False)

WORKER = [
    *["huey.bin.huey_consumer", "benchmarks.peers.huey.huey", "--worker-type", "process"],
    *["--workers", str(PROCESS_COUNT), "--no-periodic", "--quiet"],
]


@huey.task()
def handle(id: str, type: str, data: dict[str, Any]) -> None:
    work.handle(id, type, data)


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a task for each of `commands`."""
    for command in commands:
        handle(command.id, command.type, command.data)
