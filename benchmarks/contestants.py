"""One run of a contestant: its queue filled, then its workers started, and the clock read from outside."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from kombu import Connection, Queue

from benchmarks.backlog import BACKLOGS, rate
from benchmarks.peers import PROCESS_COUNT
from benchmarks.sending import empty_queue
from benchmarks.stage import Stage
from client.broker import COMMAND_QUEUE
from models.commands import MAX_BATCH_COUNT, CommandEnvelope
from models.store.engine import make_engine
from tasks.handling import handle
from workers.supervision import environment

PEER_GRACE_SECONDS = 2.0
"""How a peer ends is not measured; some of them take their time."""

OUR_INBOX = "commands"
OUR_WORKER = ("workers.command_line", "worker")

Send = Callable[[str, Sequence[CommandEnvelope]], None]
"""Queues commands on the broker with this address."""


@dataclass(frozen=True)
class Run:
    """`count` commands of a kind, worked off once."""

    stage: Stage
    broker: str
    backlog: str
    count: int
    by_queue: bool = False
    """Whether the clock is read from the length of the queue, for tasks that leave no row."""

    def ours(self, send: Send, program: Sequence[str] = OUR_WORKER) -> float:
        """Let our worker work off what `send` queued; return commands/s."""
        work = BACKLOGS[self.backlog](self.count)
        self.stage.clean()
        empty_queue(self._url)
        self._have_handled(work.before)
        send(self._url, work.commands)
        variables = environment.of_process(self.stage.settings(self.broker, worker_concurrency=PROCESS_COUNT))
        with self._done(OUR_INBOX, COMMAND_QUEUE) as done, self.stage.running("worker", [*program], variables):
            figure = rate(done, self.count)
        self._assert_none_refused()
        return figure

    def peer(self, name: str, queue: Queue | None = None, inbox: str = "bench_inbox") -> float:
        """Let the workers of a peer work off its own queue; return commands/s. `inbox` is where they leave a row for
        each command."""
        self.stage.clean()
        if inbox == OUR_INBOX:
            self._have_handled(BACKLOGS[self.backlog](self.count).before)
        variables = {"BENCH_BROKER_URL": self._url, "BENCH_DATABASE_URL": self.stage.postgres_url}
        fill = [sys.executable, "-m", "benchmarks.peers", "fill", name, self.backlog, str(self.count)]
        subprocess.run(fill, env=os.environ | variables, check=True)
        work = ["benchmarks.peers", "work", name]
        working = self.stage.running(f"peer-{name}", work, variables, PEER_GRACE_SECONDS)
        with self._done(inbox, queue) as done, working:
            return rate(done, self.count)

    @property
    def _url(self) -> str:
        return self.stage.broker_url(self.broker)

    @contextmanager
    def _done(self, table: str, queue: Queue | None) -> Iterator[Callable[[], int]]:
        if self.by_queue and queue is not None:
            with _length(self._url, queue) as length:
                yield lambda: self.count - length()
        else:
            with counting(self.stage, table) as rows:
                before = rows()
                yield lambda: rows() - before

    def _have_handled(self, commands: Sequence[CommandEnvelope]) -> None:
        engine = make_engine(self.stage.database_url)
        for start in range(0, len(commands), MAX_BATCH_COUNT):
            handle(engine, commands[start : start + MAX_BATCH_COUNT])
        engine.dispose()

    def _assert_none_refused(self) -> None:
        with psycopg.connect(self.stage.postgres_url) as connection:
            refused = connection.execute("SELECT count(*) FROM events WHERE name = 'command.rejected'").fetchone()
        assert refused == (0,), f"{refused} commands were refused"


@contextmanager
def counting(stage: Stage, table: str) -> Iterator[Callable[[], int]]:
    """Give a function that counts the rows of `table`."""
    with psycopg.connect(stage.postgres_url, autocommit=True) as connection:

        def count() -> int:
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # type: ignore[call-overload]
            return int(rows)

        yield count


@contextmanager
def _length(broker_url: str, queue: Queue) -> Iterator[Callable[[], int]]:
    with Connection(broker_url) as connection:
        bound = queue.bind(connection.channel())
        yield lambda: int(bound.queue_declare().message_count)
