"""What a worker's pool children count, told to their parent: it can be asked, and it outlives them.

One pipe for all: a write of up to PIPE_BUF bytes arrives whole, whoever else writes (POSIX, `write`). A child that is
killed loses what it had not yet told, which is at most the transaction in its hands, and leaves no file behind.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from select import PIPE_BUF
from threading import Thread

import psutil
from prometheus_client import Gauge, Histogram

from tasks.command_metrics import Mark, add, record_with

MARK_BYTES = 80
"""What a mark takes at most, as it is written, with the comma behind it."""
MARKS_COUNT = PIPE_BUF // MARK_BYTES - 1
"""Marks in one write; in place of the last, its brackets and its line's end."""

GATHERED = Histogram(
    "jobgroups_gathered_messages",
    "Messages whose commands went to a pool child together.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
CHILDREN = Gauge("jobgroups_pool_children", "Pool children of the worker that live.")
MEMORY = Gauge(
    "jobgroups_pool_children_memory_bytes",
    "Resident memory of all pool children. What they share with the parent is in it once for each.",
)


def hear_pool_children() -> None:
    """Count what the children tell that are forked from now on."""
    receiver, sender = os.pipe()
    # A parent that reads nothing must not hold up commands: then what does not fit into the pipe is not counted.
    os.set_blocking(sender, False)
    Thread(target=_hear, args=[receiver], name="pool-metrics", daemon=True).start()
    os.register_at_fork(after_in_child=lambda: record_with(lambda marks: _tell(sender, marks)))
    CHILDREN.set_function(lambda: len(psutil.Process().children()))
    MEMORY.set_function(_memory_bytes)


def _tell(sender: int, marks: Sequence[Mark]) -> None:
    left = iter(marks)
    while some := list(islice(left, MARKS_COUNT)):
        with suppress(OSError):
            os.write(sender, json.dumps(some, separators=(",", ":")).encode() + b"\n")


def _hear(receiver: int) -> None:
    with open(receiver, encoding="utf-8") as lines:
        for line in lines:
            add(json.loads(line))


def _memory_bytes() -> int:
    total = 0
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            total += child.memory_info().rss
    return total
