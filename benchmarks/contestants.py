"""One run of a contestant: its queue filled, then its workers started, and the clock read by counting rows."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg

from benchmarks.backlog import BACKLOGS, rate
from benchmarks.peers import PROCESS_COUNT
from benchmarks.sending import empty_queue
from benchmarks.stage import Stage
from models.commands import MAX_BATCH_COUNT, CommandEnvelope
from models.store.engine import make_engine
from tasks.handling import handle

Send = Callable[[str, Sequence[CommandEnvelope]], None]
"""Queues commands on the broker with this address."""


def run_ours(stage: Stage, broker: str, send: Send, backlog: str, count: int) -> float:
    """Let our worker work off `count` commands that `send` queued; return commands/s."""
    work = BACKLOGS[backlog](count)
    stage.clean()
    empty_queue(stage.broker_url(broker))
    _have_handled(stage, work.before)
    send(stage.broker_url(broker), work.commands)
    settings = stage.settings(broker, worker_concurrency=PROCESS_COUNT)
    with counting(stage, "commands") as handled, stage.service(settings, "worker"):
        figure = rate(lambda: handled() - len(work.before), count)
    with psycopg.connect(stage.postgres_url) as connection:
        refused = connection.execute("SELECT count(*) FROM events WHERE name = 'command.rejected'").fetchone()
    assert refused == (0,), f"{refused} commands were refused"
    return figure


def run_peer(stage: Stage, broker: str, peer: str, backlog: str, count: int) -> float:
    """Let the workers of `peer` work off `count` commands; return commands/s."""
    stage.clean()
    variables = {"BENCH_BROKER_URL": stage.broker_url(broker), "BENCH_DATABASE_URL": stage.postgres_url}
    fill = [sys.executable, "-m", "benchmarks.peers", "fill", peer, backlog, str(count)]
    subprocess.run(fill, env=os.environ | variables, check=True)
    working = stage.running(f"peer-{peer}", ["benchmarks.peers", "work", peer], variables)
    with counting(stage, "bench_inbox") as handled, working:
        return rate(handled, count)


@contextmanager
def counting(stage: Stage, table: str) -> Iterator[Callable[[], int]]:
    """Give a function that counts the rows of `table`."""
    with psycopg.connect(stage.postgres_url, autocommit=True) as connection:

        def count() -> int:
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # type: ignore[call-overload]
            return int(rows)

        yield count


def _have_handled(stage: Stage, commands: Sequence[CommandEnvelope]) -> None:
    engine = make_engine(stage.database_url)
    for start in range(0, len(commands), MAX_BATCH_COUNT):
        handle(engine, commands[start : start + MAX_BATCH_COUNT])
    engine.dispose()
