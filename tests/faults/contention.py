"""Loads that get into each other's way, and databases that make it worse."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from models.commands import CommandEnvelope
from tests.commands import select
from tests.faults.load import GIVE_UP_SECONDS, Load
from tests.faults.plan import CHANNELS, Channel, Chunk, GroupStory, chunked
from tests.faults.servers import Servers
from tests.faults.stage import Stage


class LastingStory(GroupStory):
    """Commands on a group that nobody cancels or deletes, so that all of them have something to change."""

    def _any(self) -> CommandEnvelope:
        (make,) = self.choice.choices([self._patch, self._update, self._report, self._add], weights=[40, 15, 35, 10])
        return make()


def lasting_plan(seed: int, command_count: int, group_count: int) -> list[Chunk]:
    """Return commands on groups that last, in messages by all ways in, the larger of which name all of the groups."""
    choice = random.Random(seed)
    stories = [
        LastingStory(random.Random(choice.random())).tell(command_count // group_count) for _ in range(group_count)
    ]
    commands = [command for turn in zip(*stories, strict=True) for command in turn]
    return list(chunked(commands, choice))


def chunks_of(commands: Sequence[CommandEnvelope], size: int, first: int = 0) -> list[Chunk]:
    """Return `commands`, `size` in a message, by all ways in: one after the other, beginning with the `first`."""
    ways: list[Channel] = list(CHANNELS)
    return [
        Chunk(ways[(first + number) % len(ways)], list(commands[start : start + size]))
        for number, start in enumerate(range(0, len(commands), size))
    ]


class InStep(Load):
    """One of several loads that send their messages at the same moment, each over connections of its own."""

    def __init__(self, broker_url: str, chunks: Sequence[Chunk], barrier: threading.Barrier) -> None:
        super().__init__(broker_url, chunks)
        self._barrier = barrier
        self.failure: BaseException | None = None

    def _deliver(self, way: Any, commands: Sequence[CommandEnvelope]) -> None:
        self._barrier.wait(GIVE_UP_SECONDS)
        try:
            super()._deliver(way, commands)
        except BaseException as error:
            self.failure = error
            self._barrier.abort()
            raise


def send_in_step(s: Stage, plans: Sequence[Sequence[Chunk]]) -> None:
    """Send all `plans`, which have as many messages each, at the same time; return when everything is accepted."""
    barrier = threading.Barrier(len(plans))
    loads = [InStep(s.broker_url, chunks, barrier) for chunks in plans]
    s.load = loads[0]
    for load in loads:
        load.start()
    try:
        for load in loads:
            load.wait()
            s.accepted_elsewhere |= load.accepted.keys()
    except threading.BrokenBarrierError as waited_in_vain:
        raise next((load.failure for load in loads if load.failure), waited_in_vain) from None
    s.figures["sent"] = sum(load.confirmed_count for load in loads)


@contextmanager
def account_with(servers: Servers, setting: str, value: str) -> Iterator[str]:
    """Give the address of the database for an account whose connections have another default for `setting`."""
    engine = create_engine(servers.database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        admin.execute(text("CREATE ROLE faults SUPERUSER LOGIN"))
        admin.execute(text(f"ALTER ROLE faults SET {setting} = '{value}'"))
        try:
            yield servers.postgres.url.replace("//postgres@", "//faults@")
        finally:
            admin.execute(text("DROP ROLE faults"))


@contextmanager
def rogues(database_url: str, *works: Callable[[Connection], None]) -> Iterator[None]:
    """Let sessions of somebody else's do each of `works`, in one transaction after the other, while the block lasts.

    In a deadlock with one of them it is never they who give way.
    """
    stop = threading.Event()

    def run(work: Callable[[Connection], None]) -> None:
        engine = create_engine(database_url, poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text("SET deadlock_timeout = '1h'; SET lock_timeout = '3s'"))
            connection.commit()
            while not stop.wait(0.3):
                with suppress(OperationalError):
                    work(connection)
                connection.rollback()

    threads = [threading.Thread(target=run, args=[work], name="rogue", daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


def deadlock_count(database_url: str) -> int:
    """Return how many deadlocks PostgreSQL has resolved so far."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(select(database_url, query)[0]["deadlocks"])


def logged_count(servers: Servers, complaint: str) -> int:
    """Return how often PostgreSQL's log has `complaint` so far."""
    return servers.postgres.process.spec.log.read_text(errors="replace").count(complaint)
