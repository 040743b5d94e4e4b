"""The guardian: whatever happens to the supervisor, nothing it started stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workers.supervision import process_tree
from workers.supervision.guardian import Guardian, end

PARENT = """
import signal, subprocess, sys, time
from pathlib import Path
from workers.supervision.guardian import Guardian

guardian = Guardian(Path(sys.argv[1]))
commands = {
    "polite": ["sleep", "600"],
    "with children": ["sh", "-c", "sleep 600 & sleep 600 & wait"],
    "stubborn": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
}
children = [subprocess.Popen(command, start_new_session=True) for command in commands.values()]
for child in children:
    guardian.watch(child.pid, signal.SIGTERM)
time.sleep(0.5)
print(guardian.pid, *(child.pid for child in children), flush=True)
time.sleep(600)
"""


@pytest.fixture
def family(tmp_path: Path) -> Iterator[list[psutil.Process]]:
    """A parent, its guardian, three children and their children, parent first."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        output.readline()
    members = process_tree.with_descendants([psutil.Process(parent.pid)])
    yield members
    process_tree.kill(members)
    parent.wait()


def test_nothing_outlives_a_parent_that_was_killed(family: list[psutil.Process]) -> None:
    assert len(family) >= 7
    os.kill(family[0].pid, signal.SIGKILL)
    assert process_tree.wait_until_gone(family, 15.0) == []


def test_the_guardian_is_deaf_to_ctrl_c_and_sigterm(tmp_path: Path) -> None:
    guardian = Guardian(tmp_path / "log")
    guardian.watch(os.getpid(), signal.SIGCONT)
    guardian.forget(os.getpid())
    time.sleep(0.5)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(guardian.pid, number)
    time.sleep(0.2)
    assert process_tree.is_alive(psutil.Process(guardian.pid))
    guardian.close()


def test_what_is_forgotten_is_left_alone(tmp_path: Path) -> None:
    guardian = Guardian(tmp_path / "log")
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        guardian.watch(child.pid, signal.SIGTERM)
        guardian.forget(child.pid)
        guardian.close()
        assert child.poll() is None
        child.kill()


def test_the_latest_watched_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    def send(process: psutil.Process, _: int) -> None:
        told.append(process.pid)
        process.kill()

    monkeypatch.setattr(process_tree, "send", send)
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    end({child.pid: (psutil.Process(child.pid), signal.SIGTERM) for child in children})
    assert told == [child.pid for child in reversed(children)]
    assert [child.wait() for child in children] == [-signal.SIGKILL] * 2


def test_a_killed_guardian_does_not_bring_the_service_down(tmp_path: Path) -> None:
    guardian = Guardian(tmp_path / "log")
    os.kill(guardian.pid, signal.SIGKILL)
    time.sleep(0.2)
    guardian.watch(os.getpid(), signal.SIGCONT)
    guardian.forget(os.getpid())
    guardian.close()
