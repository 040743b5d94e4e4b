"""A PostgreSQL that ends, falls silent, throws everybody out, or keeps what others need."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
from sqlalchemy import text

from tasks.receiving import DATABASE_WAIT_SECONDS
from tests.commands import eventually, select
from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage
from tests.faults.http_writers import HttpWriters, http_writers, readiness
from tests.faults.invariants import RECOVERY_SECONDS
from tests.faults.pressure import lasting, rogue, under_load
from tests.faults.servers import freeze, thaw
from tests.faults.stage import Stage

HELD_SECONDS = 30.0
SETTLED_SECONDS = 1.0
"""By then nobody has an answer in hand that was true before."""

TERMINATE_ALL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
STUCK_IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND state_change < now() - interval '0.7 s'
"""


def test_postgres_stops(open_stage: OpenStage) -> None:
    """PostgreSQL stops immediately, as in a crash, and is started again after 10 s"""
    with open_stage(pause_seconds=lasting(15)) as s:
        with http_writers(s) as writers, _nobody_dies(s):
            under_load(s)
            _without_postgres(s, writers, 10, s.servers.stop_postgres_immediately, s.servers.restart_postgres)
        s.expect_all_invariants()
        writers.expect_truth(s.database_url)


def test_postgres_stays_away(open_stage: OpenStage) -> None:
    """PostgreSQL stops immediately and is started again after 40 s"""
    with open_stage(pause_seconds=lasting(30)) as s:
        with http_writers(s) as writers, _nobody_dies(s):
            under_load(s)
            _without_postgres(s, writers, 40, s.servers.stop_postgres_immediately, s.servers.restart_postgres)
        s.expect_all_invariants()
        writers.expect_truth(s.database_url)
        s.figures["requeued"] = s.actors.log("worker").read_text().count("database_unavailable")
        children = s.actors.settings.worker_concurrency
        assert 0 < s.figures["requeued"] <= children * (1 + 40 / DATABASE_WAIT_SECONDS), (
            "deliveries are used up in haste"
        )


def test_postgres_freezes(open_stage: OpenStage) -> None:
    """PostgreSQL is frozen (SIGSTOP) for 20 s, longer than any answer may take: connections stay open and silent"""
    with open_stage(pause_seconds=lasting(20)) as s:
        postgres = s.servers.postgres.process
        with http_writers(s) as writers, _nobody_dies(s):
            under_load(s)
            _without_postgres(s, writers, 20, lambda: freeze(postgres), lambda: thaw(postgres))
        s.expect_all_invariants()
        writers.expect_truth(s.database_url)


@pytest.mark.quick("redis")
def test_connections_are_terminated(open_stage: OpenStage) -> None:
    """all connections to PostgreSQL are terminated, ten times in a row"""
    with open_stage(pause_seconds=lasting(8)) as s:
        with http_writers(s) as writers, _nobody_dies(s):
            under_load(s)
            terminated = 0
            for _ in range(10):
                terminated += eventually(lambda: select(s.database_url, TERMINATE_ALL)[0]["count"])
                time.sleep(s.choice.uniform(0.1, 0.8))
            s.healed()
        s.figures["terminated"] = terminated
        s.expect_all_invariants()
        writers.expect_truth(s.database_url)


def test_session_holds_a_group(open_stage: OpenStage) -> None:
    """a session, idle in its transaction, holds the lock of a group for 30 s"""
    with open_stage(pause_seconds=lasting(15), worker_concurrency=4) as s:
        s.load.start()
        eventually(lambda: select(s.database_url, "SELECT 1 FROM job_groups LIMIT 1"))
        with rogue(s.database_url) as session:
            session.execute(text("SELECT id FROM job_groups ORDER BY id LIMIT 1 FOR UPDATE"))
            _others_go_on(s, HELD_SECONDS)
        s.healed()
        s.expect_all_invariants()


def test_child_freezes_in_its_transaction(open_stage: OpenStage) -> None:
    """a pool child is frozen for 30 s in the middle of its transaction, with the locks of its groups"""
    with open_stage(
        pause_seconds=lasting(15), worker_concurrency=4, sabotage={"worker": Sabotage(mutations=("commit_late",))}
    ) as s:
        under_load(s)
        child = eventually(lambda: _freeze_in_transaction(s))
        _others_go_on(s, HELD_SECONDS)
        if child.is_running():
            child.resume()
        s.healed()
        s.expect_all_invariants()


@contextmanager
def _nobody_dies(s: Stage) -> Iterator[None]:
    """An outage is waited for: nobody needs to be started again, at growing intervals, to get over it."""
    before = {name: process.pid for name, process in s.actors.running.items()}
    yield
    assert {name: process.pid for name, process in s.actors.running.items()} == before, "a process has died of it"


def _without_postgres(
    s: Stage, writers: HttpWriters, seconds: float, end: Callable[[], None], begin: Callable[[], None]
) -> None:
    """Let `end` and `begin` make an outage of so many `seconds`; see what the API says meanwhile."""
    end()
    ended_at = time.monotonic()
    try:
        eventually(lambda: readiness(writers.url) == {"postgresql"}, seconds)
        s.figures["unready_after_seconds"] = round(time.monotonic() - ended_at, 1)
        _expect_no_lie(s, writers, until=ended_at + seconds)
    finally:
        begin()
    s.healed()
    begun_at = time.monotonic()
    eventually(lambda: readiness(writers.url) == set(), RECOVERY_SECONDS)
    s.figures["ready_after_seconds"] = round(time.monotonic() - begun_at, 1)


def _expect_no_lie(s: Stage, writers: HttpWriters, until: float) -> None:
    """A write may be on its way, a read has to wait; nothing else is true."""
    time.sleep(SETTLED_SECONDS)
    answered_before = len(writers.answers)
    time.sleep(max(0.0, until - time.monotonic()))
    meanwhile = Counter(answer.status_code for answer in writers.answers[answered_before:])
    s.figures["answers_meanwhile"] = dict(meanwhile)
    assert meanwhile, "nobody asked"
    assert meanwhile.keys() <= {202, 503}, meanwhile


def _others_go_on(s: Stage, seconds: float) -> None:
    def handled() -> int:
        return int(select(s.database_url, "SELECT count(*) FROM commands")[0]["count"])

    before = handled()
    time.sleep(seconds)
    s.figures["handled_meanwhile"] = handled() - before
    assert s.figures["handled_meanwhile"] > 0


def _freeze_in_transaction(s: Stage) -> psutil.Process | None:
    """Freeze a child wherever it is, and let it go on unless that is in a transaction."""
    child = s.choice.choice(s.actors.children("worker"))
    child.suspend()
    time.sleep(1)
    if select(s.database_url, STUCK_IN_TRANSACTION)[0]["count"]:
        return child
    child.resume()
    return None
