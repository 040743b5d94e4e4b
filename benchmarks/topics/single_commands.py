"""A command as a Celery task of its own, against a Celery task that does nothing."""

from collections.abc import Callable
from functools import partial

from kombu import Queue

from benchmarks.alternation import Contestants, alternate
from benchmarks.contestants import Run
from benchmarks.peers import PROCESS_COUNT
from benchmarks.peers.celery import QUEUE as STOCK_QUEUE
from benchmarks.sending import send_empty, send_singly
from benchmarks.stage import BROKERS, Stage, stage
from benchmarks.table import Table

COUNT = 6_000
OURS, EMPTY, STOCK = "ours, `job_group.create`", "an empty task, same worker", "an empty task, Celery as it comes"
EMPTY_RATIO = 0.85

WORKER = ["benchmarks.worker_with_empty_task"]
SAID = f"""\
{COUNT:,} tasks wait in the queue; the clock is the length of the queue, from the first tenth to the last. The empty \
task carries the same data, does nothing with it, and runs once in the very worker that carries out commands (same \
consumer, acknowledgement and result, {PROCESS_COUNT} pool children), once in a Celery worker with its own defaults, \
which keeps no result and takes more messages at once."""


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Measure a table for each broker."""
    with stage() as servers:
        for broker in BROKERS:
            keep(_table(servers, broker, rounds))


def _table(servers: Stage, broker: str, rounds: int) -> Table:
    run = Run(servers, broker, "creates", COUNT, by_queue=True)
    contestants: Contestants = {
        OURS: partial(run.ours, send_singly, WORKER),
        EMPTY: partial(run.ours, send_empty, WORKER),
        STOCK: partial(run.peer, "celery_empty", Queue(STOCK_QUEUE)),
    }
    return Table(
        topic="single commands",
        title=f"A command and an empty task, {broker}",
        unit="tasks/s",
        ours=OURS,
        figures=alternate(contestants, rounds, "tasks/s"),
        required={EMPTY: EMPTY_RATIO},
        said=SAID,
    )
