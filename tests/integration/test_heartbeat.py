"""A process that hangs is told from one that has nothing to do, and from one that waits for a server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import heartbeat
from heartbeat import VARIABLE, HeartbeatWatch, trouble_with
from tests.commands import eventually

STALE_SECONDS = 2.5
LOOP = """
import time
from pathlib import Path
from sqlalchemy import text
from settings import Settings
from workers import housekeeping
from heartbeat import Heartbeat
from workers.lifetime import run_until_stopped

def idle(stop):
    while not stop.is_set():
        stop.wait(0.1)

def hangs(stop):
    stop.is_set()
    time.sleep(600)

def has_much_to_do(engine):
    while True:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_sleep(0.1)"))
"""
RUN = "run_until_stopped({work}, (), Heartbeat(Settings().heartbeat_file))"
LONG_ROUND = "housekeeping.do_due_work = has_much_to_do; housekeeping.run(Settings())"
API = """
import asyncio
from fastapi import FastAPI
from api_stub.__main__ import Server

class Blocked(Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        asyncio.get_running_loop().call_later(0.5, time.sleep, 600)

{server}(FastAPI(), Settings()).run()
"""
WORKER = "from workers import worker; worker.run(Settings())"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "STALE_SECONDS", STALE_SECONDS)


@contextmanager
def running(code: str, file: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `code` in a process that has begun to beat when the block does."""
    environment = os.environ | {VARIABLE: str(file)} | variables
    process = subprocess.Popen([sys.executable, "-c", LOOP + code], env=environment, start_new_session=True)
    try:
        eventually(file.exists)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def stops(watch: HeartbeatWatch, within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if watch.has_stopped():
            return True
        time.sleep(0.1)
    return False


def test_a_loop_with_nothing_to_do_is_healthy_unless_its_process_stands_still(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    with running(RUN.format(work="idle"), file) as process:
        watch = HeartbeatWatch(file)
        assert not stops(watch, within_seconds=2 * STALE_SECONDS)
        assert trouble_with(file) is None
        process.send_signal(signal.SIGSTOP)
        assert stops(watch, within_seconds=2 * STALE_SECONDS)
        assert "No progress for" in (trouble_with(file) or "")
        process.send_signal(signal.SIGCONT)
        eventually(lambda: not watch.has_stopped() and trouble_with(file) is None)


def test_a_process_whose_work_hangs_is_unhealthy(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    with running(RUN.format(work="hangs"), file):
        assert stops(HeartbeatWatch(file), within_seconds=2 * STALE_SECONDS)


def test_a_round_of_many_transactions_is_progress(tmp_path: Path, database_url: str) -> None:
    file = tmp_path / "heartbeat"
    with running(LONG_ROUND, file, JOBGROUPS_DATABASE_URL=database_url):
        assert not stops(HeartbeatWatch(file), within_seconds=2 * STALE_SECONDS)


@pytest.mark.parametrize(("server", "unhealthy"), [("Server", False), ("Blocked", True)])
def test_an_api_is_unhealthy_once_its_event_loop_is_held_up(server: str, unhealthy: bool, tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    with running(API.format(server=server), file, JOBGROUPS_PORT="0"):
        assert stops(HeartbeatWatch(file), within_seconds=3 * STALE_SECONDS) is unhealthy


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_worker_whose_broker_is_away_is_healthy(scheme: str, tmp_path: Path, database_url: str) -> None:
    """Between two attempts it pauses for up to half a minute."""
    file = tmp_path / "heartbeat"
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}/"
    addresses = {f"JOBGROUPS_{name}_URL": url for name in ("BROKER", "REDIS")}
    with running(WORKER, file, JOBGROUPS_DATABASE_URL=database_url, **addresses) as process:
        assert not stops(HeartbeatWatch(file), within_seconds=3 * STALE_SECONDS)
        assert process.poll() is None


def test_time_in_which_the_watcher_stood_still_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "heartbeat"
    file.touch()
    watch = HeartbeatWatch(file)
    watch.has_stopped()
    wake_up_at = time.monotonic() + 3600
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: wake_up_at)
    assert not watch.has_stopped()


def test_a_process_that_never_beat_tells_nothing(tmp_path: Path) -> None:
    assert not stops(HeartbeatWatch(tmp_path / "none"), within_seconds=2 * STALE_SECONDS)


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    beat = heartbeat.Heartbeat(tmp_path / "no such folder" / "heartbeat").beat
    beat()
    assert len(caplog.records) == 1
