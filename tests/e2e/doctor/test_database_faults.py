"""Faults of PostgreSQL and of the processes that work on it, each planted for real."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from models.dead_letter import DeadLetterReason
from models.store.engine import make_engine
from models.store.migrations import alembic_config, revisions, upgrade
from tasks.dead_letters import bury_command
from tasks.handling import handle
from tests.commands import create, eventually, new_id, select
from tests.contract.http_api import free_port
from tests.e2e.doctor.diagnosis import FAULT, FINE, NOT_CHECKED, WARNING, Diagnosis, variables_of
from tests.newer_schema import newer_schema
from workers.operating.doctor.processes import SILENCE_SECONDS
from workers.supervision.supervisor import Supervisor

Ask = Callable[..., Diagnosis]
OF_THE_DATABASE = (
    "schema",
    "database durability",
    "clock",
    "relay",
    "outbox",
    "housekeeping",
    "notifier",
    "dead letters",
    "API keys",
)


@pytest.fixture
def diagnose(redis_url: str, tmp_path: Path) -> Ask:
    """Ask the doctor about a database, with a Redis that answers and a home of the test's own."""

    def ask(database_url: str, **more: Any) -> Diagnosis:
        return Diagnosis(**{"database_url": plain(database_url), "broker_url": redis_url, "home": str(tmp_path)} | more)

    return ask


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_no_server(diagnose: Ask) -> None:
    diagnosis = diagnose(f"postgresql://me:secret-word@127.0.0.1:{free_port()}/jobs")
    assert diagnosis.exit_status == 9
    assert diagnosis.verdicts("database") == [FAULT]
    assert "refused" in diagnosis.text_of("database")
    assert set(diagnosis.verdicts(*OF_THE_DATABASE)) == {NOT_CHECKED}
    assert diagnosis.verdicts("broker", "outcomes") == [FINE, FINE]
    assert "secret-word" not in diagnosis.text


def test_no_such_database(diagnose: Ask, database_url: str) -> None:
    missing = make_url(database_url).set(database="missing").render_as_string(hide_password=False)
    told = diagnose(missing).text_of("database")
    assert 'database "missing" does not exist' in told
    assert "createdb" in told


def test_a_wrong_password(diagnose: Ask, database_url: str) -> None:
    with password_asked(database_url):
        right = make_url(database_url).set(username="asked", password="right")
        wrong = right.set(password="wrong-word")
        assert diagnose(right.render_as_string(hide_password=False)).verdicts("database") == [FINE]
        diagnosis = diagnose(wrong.render_as_string(hide_password=False))
    assert diagnosis.verdicts("database", "schema") == [FAULT, NOT_CHECKED]
    assert "Correct the user and the password in JOBGROUPS_DATABASE_URL" in diagnosis.text_of("database")
    assert "wrong-word" not in diagnosis.text


@contextmanager
def password_asked(url: str) -> Iterator[None]:
    """Let the server ask the role `asked` for its password, `right`."""
    (row,) = select(url, "SHOW hba_file")
    file = Path(row["hba_file"])
    before = file.read_text()
    execute(url, "CREATE ROLE asked LOGIN PASSWORD 'right'")
    file.write_text(f"local all asked scram-sha-256\n{before}")
    execute(url, "SELECT pg_reload_conf()")
    eventually(lambda: select(url, "SELECT 1 FROM pg_hba_file_rules WHERE 'asked' = ANY(user_name)"))
    try:
        yield
    finally:
        file.write_text(before)
        execute(url, "SELECT pg_reload_conf()", "DROP ROLE asked")


def test_no_schema(diagnose: Ask, empty_database: str) -> None:
    diagnosis = diagnose(empty_database)
    assert diagnosis.verdicts("schema", "outbox", "dead letters") == [FAULT, NOT_CHECKED, NOT_CHECKED]
    assert "jobgroups migrate" in diagnosis.text_of("schema")


def test_a_schema_that_is_behind(diagnose: Ask, empty_database: str) -> None:
    command.upgrade(alembic_config(empty_database), "0005")
    told = diagnose(empty_database)
    assert told.verdicts("schema") == [FAULT]
    assert f"at 0005, {revisions().index('0005')} behind {revisions()[0]}" in told.text_of("schema")
    upgrade(empty_database)
    assert diagnose(empty_database).verdicts("schema") == [FINE]


def test_a_schema_that_is_ahead(diagnose: Ask, own_database: str, tmp_path: Path) -> None:
    with newer_schema(own_database, tmp_path):
        upgrade(own_database)
        diagnosis = diagnose(own_database, before=("env",))  # in this process the newer revision is known
    assert diagnosis.verdicts("schema") == [WARNING]
    assert "Upgrade this program" in diagnosis.text_of("schema")


def test_commits_that_a_crash_takes_back(diagnose: Ask, own_database: str) -> None:
    execute(own_database, "ALTER DATABASE patient SET synchronous_commit = off")
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("database durability") == [FAULT]
    assert "synchronous_commit" in diagnosis.text_of("database durability")


def test_a_server_that_does_not_write_through(diagnose: Ask, own_database: str) -> None:
    execute(own_database, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    try:
        eventually(lambda: select(own_database, "SHOW fsync") == [{"fsync": "off"}])
        assert "fsync of PostgreSQL: off" in diagnose(own_database).text_of("database durability")
    finally:
        execute(own_database, "ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")


@pytest.mark.parametrize(("minutes", "told"), [(2, "120 s ahead of"), (-60, "3600 s behind")])
def test_clocks_that_differ(diagnose: Ask, own_database: str, minutes: int, told: str) -> None:
    execute(
        own_database,
        "CREATE SCHEMA wrong",
        "CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
        f"$$ SELECT pg_catalog.clock_timestamp() + interval '{minutes} minutes' $$",
        "ALTER DATABASE patient SET search_path = wrong, pg_catalog, public",
    )
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("clock") == [FAULT]
    assert told in diagnosis.text_of("clock")


def test_no_key(diagnose: Ask, own_database: str) -> None:
    assert diagnose(own_database).verdicts("API keys") == [FINE]
    select(own_database, "UPDATE api_keys SET revoked_at = now() RETURNING id")
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("API keys") == [FAULT]
    assert "jobgroups keys create" in diagnosis.text_of("API keys")
    assert diagnose(own_database, api_keys="a-key-in-the-settings").verdicts("API keys") == [FINE]


def test_dead_letters_that_wait(diagnose: Ask, own_database: str) -> None:
    engine = make_engine(own_database)
    for _ in range(2):
        bury_command(engine, create(new_id()), DeadLetterReason.HANDLING_FAILED, "why")
    engine.dispose()
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("dead letters") == [WARNING]
    assert "2 not replayed" in diagnosis.text_of("dead letters")


def test_no_relay_and_no_housekeeping(diagnose: Ask, own_database: str) -> None:
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("relay", "outbox", "housekeeping") == [FAULT, FINE, FAULT]
    assert "jobgroups relay" in diagnosis.text_of("relay")
    assert "jobgroups housekeeping" in diagnosis.text_of("housekeeping")


def test_deliveries_that_nobody_makes(diagnose: Ask, own_database: str) -> None:
    assert diagnose(own_database).verdicts("notifier") == [FINE]
    engine = make_engine(own_database)
    webhook = {"type": "webhook", "url": "https://accounting.example/hook"}
    handle(engine, [create(new_id(), notifications={"channels": [webhook]})])
    engine.dispose()
    execute(own_database, "UPDATE deliveries SET next_attempt_at = now() - interval '2 minutes'")
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("notifier") == [FAULT]
    assert "jobgroups notifier" in diagnosis.text_of("notifier")
    execute(own_database, "TRUNCATE deliveries")


def test_a_backlog_that_stands_still(diagnose: Ask, own_database: str) -> None:
    engine = make_engine(own_database)
    handle(engine, [create(new_id()) for _ in range(3)])
    engine.dispose()
    (row,) = select(own_database, "SELECT count(*) FROM events WHERE position IS NULL")
    assert row["count"] >= 3
    diagnosis = diagnose(own_database)
    assert diagnosis.verdicts("outbox") == [FAULT]
    assert f"{row['count']} events wait" in diagnosis.text_of("outbox")


def test_processes_that_stand_still(service: Supervisor) -> None:
    """They are connected, and do nothing; the worker's silence shows sooner than that of the others."""
    pids = [service.pids[name] for name in ("relay", "housekeeping", "notifier", "worker")]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(SILENCE_SECONDS + 1)
        diagnosis = Diagnosis(**variables_of(service))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert diagnosis.verdicts("relay", "housekeeping", "notifier", "worker") == [FAULT] * 4
    assert "stands still" in diagnosis.text_of("relay")
    eventually(lambda: Diagnosis(**variables_of(service)).exit_status == 0)
