"""The home directory of a running service: its lock, its private files, where its logs go."""

import fcntl
import os
import secrets
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

from workers.supervision import process_tree
from workers.supervision.processes import StartError

TAKEOVER_SECONDS = 20.0
"""How long to wait while the guardian of a killed predecessor still cleans up."""


def log_path(home: Path, name: str) -> Path:
    """Return where the process called `name` writes its log."""
    return home / "logs" / f"{name}.log"


def heartbeat_path(home: Path, name: str) -> Path:
    """Return the file that the process called `name` touches as long as it makes progress."""
    return home / f"heartbeat.{name}"


@contextmanager
def locked(home: Path) -> Iterator[int]:
    """Hold `home` for this process; yields the lock's descriptor, which a guardian may share.

    Raises StartError, naming the holder, while another supervisor runs there.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "lock").open("a+b") as lock:
        _acquire(lock, home)
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        yield lock.fileno()


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner may read; a reader sees all of it or none."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def development_key(home: Path) -> str:
    """Return the API key of this home: 256 random bits, made once and kept."""
    path = home / "development_key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32) + "\n")
    return path.read_text().strip()


@contextmanager
def environment_file(home: Path, values: Mapping[str, str]) -> Iterator[Path]:
    """Keep `home/env` for a shell to source, as long as the service runs."""
    path = home / "env"
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _acquire(lock: BinaryIO, home: Path) -> None:
    deadline = time.monotonic() + TAKEOVER_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _refuse_unless_orphaned(lock, home, deadline)
        time.sleep(0.1)


def _refuse_unless_orphaned(lock: BinaryIO, home: Path, deadline: float) -> None:
    lock.seek(0)
    holder = int(lock.read() or 0)
    # Between the lock and its note there is a moment without a number; it passes.
    orphaned = not holder or not _is_alive(holder)
    if not orphaned or time.monotonic() > deadline:
        raise StartError(f"{home} is in use by process {holder}. Stop it, or set JOBGROUPS_HOME to another directory.")


def _is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and process_tree.is_alive(psutil.Process(pid))
