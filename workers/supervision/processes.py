"""One child process: its own session and log, started again when it dies, ended with all it started."""

import logging
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any

import psutil

from heartbeat import HeartbeatWatch
from workers.supervision import process_tree
from workers.supervision.guardian import Guardian
from workers.supervision.log_files import open_log, tail

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""A process that ran this long starts again at once when it dies."""

GATE = 'read -r go && exec "$@" < /dev/null'
"""Become the program only at a word of the supervisor, given once the guardian knows of the process.
A supervisor that is killed before closes the pipe, and the program never runs."""

_logger = logging.getLogger(__name__)


class StartError(Exception):
    """Something could not be started; the message says what, why, and what to do about it."""


@dataclass(frozen=True)
class ProcessSpec:
    """How a child process is started and stopped."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] | None = None
    """The whole environment; None inherits ours."""
    directory: Path | None = None
    user: str | None = None
    """The account it runs as; only root may name one."""
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,)
    """Sent one after the other, each with its own grace, until the process is gone."""
    grace_seconds: float = 5.0
    heartbeat: Path | None = None
    """The file that it touches as long as it makes progress; None for a program that touches none."""


class ChildProcess:
    """A running child process, and its successors after a crash."""

    def __init__(self, spec: ProcessSpec, guardian: Guardian | None = None) -> None:
        """Start the process. A program that cannot be run shows as a process that ended, its log saying why."""
        self.spec = spec
        self._guardian = guardian
        self._crashes = 0
        self._restart_at: float | None = None
        self._start()

    @property
    def pid(self) -> int:
        """The process id; after a restart another one."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended (minus the signal that killed it); None while it runs."""
        return self._process.poll()

    def wait(self, timeout_seconds: float) -> int:
        """Wait for its end and return the exit status; raises StartError when that takes too long."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise StartError(self.describe(f"did not finish within {timeout_seconds:g} s")) from None

    def revive(self) -> None:
        """Start it again if it died, after a pause that doubles with every crash in a row. One that hangs is killed."""
        if self.exit_status is None:
            if self._heartbeat and self._heartbeat.has_stopped():
                _logger.error("%s makes no progress; killing it", self.spec.name)
                self._kill_group()
            return
        if self._restart_at is None:
            self._schedule_restart()
        elif time.monotonic() >= self._restart_at:
            self._start()

    def stop(self) -> None:
        """End it and all it started: politely, then firmly, then with SIGKILL. Returns when they are gone."""
        if self.exit_status is None:
            family = process_tree.with_descendants([psutil.Process(self.pid)])
            any(self._ends_after(stop_signal) for stop_signal in self.spec.stop_signals)
            process_tree.kill(family)
            self._process.wait()
        self._forget()

    def describe(self, problem: str) -> str:
        """Tell `problem` together with the end of the log, for the message of a StartError."""
        return f"{self.spec.name} {problem}. The end of {self.spec.log}:\n{tail(self.spec.log)}"

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._restart_at = None
        self._heartbeat = HeartbeatWatch(self.spec.heartbeat) if self.spec.heartbeat else None
        with open_log(self.spec.log) as output:
            self._process = self._popen(output)
        if self._guardian:
            self._guardian.watch(self.pid, self.spec.stop_signals[0])
        with suppress(BrokenPipeError):
            _open_gate(self._process)

    def _popen(self, output: BufferedWriter) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - programs of this service, no input of others
            ["/bin/sh", "-c", GATE, self.spec.name, *self.spec.arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=self.spec.environment,
            cwd=self.spec.directory,
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops the others in order
            **_account(self.spec.user),
        )

    def _schedule_restart(self) -> None:
        self._kill_group()  # what the dead one left
        self._forget()
        healthy = time.monotonic() - self._started_at > HEALTHY_SECONDS
        self._crashes = 0 if healthy else self._crashes + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._crashes - 1), LONGEST_PAUSE_SECONDS) if self._crashes else 0.0
        self._restart_at = time.monotonic() + pause
        _logger.warning("%s ended with status %s; starting it again in %g s", self.spec.name, self.exit_status, pause)

    def _kill_group(self) -> None:
        # While members are left, though the session leader is gone, its number cannot name another group.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _ends_after(self, stop_signal: signal.Signals) -> bool:
        self._process.send_signal(stop_signal)
        try:
            self._process.wait(self.spec.grace_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _forget(self) -> None:
        if self._guardian:
            self._guardian.forget(self.pid)


def _open_gate(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    with process.stdin as gate:
        gate.write(b"go\n")


def _account(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
