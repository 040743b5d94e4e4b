"""Processor time of everything that runs on a stage, by kind of process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

POOL_CHILDREN = "worker's pool children"
_WORKER = "command_line worker"
KINDS = {
    "api_stub": "API",
    "plain_endpoint": "plain FastAPI and SQLAlchemy",
    _WORKER: "worker's main process",
    "command_line relay": "relay",
    "postgres": "PostgreSQL",
    "redis-server": "Redis",
    "beam.smp": "RabbitMQ",
}
"""By a part of the command line. Whoever calls over HTTP is not among them."""

Spent = Counter[tuple[int, str]]


def spent_seconds(home: Path) -> Spent:
    """Return the seconds of processor time that each process has spent so far, by its id and kind: those that this one
    started, and the servers under `home`, which have no parent any more."""
    spent: Spent = Counter()
    for process in _of_stage(home):
        with suppress(psutil.Error):  # it has ended meanwhile
            if kind := _kind(process):
                times = process.cpu_times()
                spent[process.pid, kind] = times.user + times.system
    return spent


def by_kind(before: Spent, after: Spent) -> dict[str, float]:
    """Return the seconds that the processes of each kind spent in between."""
    kinds: Counter[str] = Counter()
    for (pid, kind), seconds in after.items():
        kinds[kind] += seconds - before[pid, kind]
    return dict(kinds)


def _of_stage(home: Path) -> Iterator[psutil.Process]:
    roots = [psutil.Process(), *(each for each in psutil.process_iter() if str(home) in _command_line(each))]
    found: dict[int, psutil.Process] = {}
    for root in roots:
        with suppress(psutil.Error):
            found |= {each.pid: each for each in (root, *root.children(recursive=True))}
    yield from found.values()


def _kind(process: psutil.Process) -> str | None:
    line = _command_line(process)
    kind = next((kind for part, kind in KINDS.items() if part in line), None)
    parent = process.parent()
    return POOL_CHILDREN if kind == KINDS[_WORKER] and parent and _WORKER in _command_line(parent) else kind


def _command_line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
