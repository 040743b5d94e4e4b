"""Processes and everything below them: find them, wait for their end, make sure of it."""

import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

POLL_SECONDS = 0.05


def with_descendants(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return `processes` and all that they started; those already gone are left out."""
    family: dict[psutil.Process, None] = {}
    for process in processes:
        if is_alive(process):
            family |= dict.fromkeys([process, *_children(process)])
    return list(family)


def is_alive(process: psutil.Process) -> bool:
    """Say whether this very process (not a later one with its number) still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(processes: Iterable[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait for the end of all `processes`, at most `timeout_seconds`; return those that are still there."""
    deadline = time.monotonic() + timeout_seconds
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        alive = [process for process in alive if is_alive(process)]
    return alive


def kill(processes: Iterable[psutil.Process], timeout_seconds: float = 5.0) -> None:
    """Kill `processes` and their descendants without asking, and wait for their end."""
    family = with_descendants(processes)
    for process in family:
        send(process, signal.SIGKILL)
    wait_until_gone(family, timeout_seconds)


def send(process: psutil.Process, signal_number: int) -> None:
    """Send a signal; a process that is gone, or has handed its number on, is not an error."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal_number)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
