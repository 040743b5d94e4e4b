"""The schema: what the migrations build is what the code's tables say."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text

from models.store.migrations import alembic_config, upgrade
from models.store.tables import metadata


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
