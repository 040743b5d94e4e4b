"""Another schema while everybody works."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from models.store import migrations
from tests.commands import select
from tests.faults.conftest import OpenStage
from tests.faults.http_writers import http_writers
from tests.faults.pressure import lasting, rogue, under_load
from tests.faults.servers import Servers
from tests.faults.stage import Stage
from tests.newer_schema import has_newer_schema, newer_schema

READING_SECONDS = 6.0
LONGEST_WAIT_SECONDS = 4.0
"""Twice what a migration waits for a table: the wait, and whatever held the table before."""

WAITING = """
SELECT extract(epoch FROM max(clock_timestamp() - query_start)) AS seconds FROM pg_stat_activity
WHERE application_name = 'jobgroups' AND wait_event_type = 'Lock'
"""


def test_migration_without_a_change(open_stage: OpenStage) -> None:
    """`jobgroups migrate` three times at once under load, with nothing to change"""
    with open_stage(pause_seconds=lasting(20)) as s:
        under_load(s)
        migrate = [sys.executable, "-m", "workers.command_line", "migrate"]
        environment = os.environ | {"JOBGROUPS_DATABASE_URL": s.servers.postgres.url}
        machines = [subprocess.Popen(migrate, env=environment) for _ in range(3)]
        assert [machine.wait(30) for machine in machines] == [0, 0, 0]
        assert s.load.ended_at is None, "the load is over before the migration"
        s.healed()
        s.expect_all_invariants()


def test_migration_of_tables_in_use(open_stage: OpenStage, one_revision_more: None) -> None:
    """two tables get a column and an index under load, twice, the second time with a reader in the way for 6 s"""
    with open_stage(pause_seconds=lasting(25), worker_concurrency=4) as s:
        with http_writers(s) as writers, _waits(s.database_url) as waits:
            under_load(s)
            s.figures["upgrade_seconds"] = _upgrade(s)
            _downgrade(s.database_url)
            with rogue(s.database_url) as reader:
                reader.execute(text("SELECT count(*) FROM job_groups"))
                threading.Timer(READING_SECONDS, reader.rollback).start()
                s.figures["upgrade_behind_a_reader_seconds"] = _upgrade(s)
            assert s.load.ended_at is None, "the load is over before the migration"
        s.healed()
        s.expect_all_invariants()
        writers.expect_truth(s.database_url)
        s.figures["longest_wait_seconds"] = round(max(waits), 1)
        assert max(waits) < LONGEST_WAIT_SECONDS


@pytest.fixture
def one_revision_more(servers: Servers, tmp_path: Path) -> Iterator[None]:
    """A newer schema than the service's own, for this test alone."""
    with newer_schema(servers.database_url, tmp_path):
        yield


def _upgrade(s: Stage) -> float:
    began_at = time.monotonic()
    migrations.upgrade(s.database_url)
    assert has_newer_schema(s.database_url)
    return round(time.monotonic() - began_at, 1)


def _downgrade(url: str) -> None:
    command.downgrade(migrations.alembic_config(url), "-1")
    assert not has_newer_schema(url)


@contextmanager
def _waits(url: str) -> Iterator[list[float]]:
    """Watch, while the block lasts, for how long somebody of the service has been waiting for a lock."""
    seen = [0.0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            seen.extend(float(row["seconds"]) for row in select(url, WAITING) if row["seconds"] is not None)

    thread = threading.Thread(target=watch, name="waits", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(10)
