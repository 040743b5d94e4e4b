"""The schema: what the migrations build is what the code's tables say."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text

from models.store import migrations
from models.store.migrations import alembic_config, upgrade
from models.store.tables import metadata
from tests.commands import eventually, select
from tests.newer_schema import has_newer_schema, newer_schema

WAITS_FOR_GROUPS = "SELECT 1 FROM pg_locks WHERE relation = CAST('job_groups' AS regclass) AND NOT granted"


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """A database of its own, without a table in it."""
    admin = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE migrations TEMPLATE template0"))
        yield make_url(database_url).set(database="migrations").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE migrations WITH (FORCE)"))
    admin.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_no_change_of_the_tables_waits_for_a_migration(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_from_several_machines_at_once_is_safe(empty_database: str) -> None:
    command = [sys.executable, "-m", "workers.command_line", "migrate"]
    environment = {**os.environ, "JOBGROUPS_DATABASE_URL": empty_database}
    machines = [subprocess.Popen(command, env=environment) for _ in range(4)]
    assert [machine.wait(60) for machine in machines] == [0] * 4
    assert set(metadata.tables) <= tables(empty_database)


def test_the_way_back_leaves_nothing(empty_database: str) -> None:
    upgrade(empty_database)
    command.downgrade(alembic_config(empty_database), "base")
    assert tables(empty_database) == {"alembic_version"}
    upgrade(empty_database)
    assert set(metadata.tables) <= tables(empty_database)


def test_a_deadlock_with_commands_is_tried_again(clean_database: str, tmp_path: Path) -> None:
    """It has the jobs and wants the groups; somebody has the groups and wants the jobs."""
    engine = create_engine(clean_database)
    with newer_schema(clean_database, tmp_path), ThreadPoolExecutor(1) as threads, engine.connect() as other:
        other.execute(text("SET deadlock_timeout = '1h'"))
        other.execute(text("LOCK job_groups IN ROW EXCLUSIVE MODE"))
        migrating = threads.submit(migrations.upgrade, clean_database)
        eventually(lambda: select(clean_database, WAITS_FOR_GROUPS))
        other.execute(text("LOCK jobs IN ROW EXCLUSIVE MODE"))
        assert not migrating.done()
        other.rollback()
        migrating.result(30)
        assert has_newer_schema(clean_database)
    engine.dispose()
