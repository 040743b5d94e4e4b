"""How a long-running process ends, and how it comes back after an outage."""

import signal
import threading
from collections.abc import Callable

import structlog

from client.pauses import growing_pause
from heartbeat import Heartbeat

log = structlog.get_logger()


class _Stop(threading.Event):
    """A loop that asks whether to stop goes round: that is a heartbeat."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        super().__init__()
        self._heartbeat = heartbeat

    def is_set(self) -> bool:
        self._heartbeat.beat()
        return super().is_set()


def run_until_stopped(
    work: Callable[[threading.Event], None], recoverable: tuple[type[Exception], ...], heartbeat: Heartbeat
) -> None:
    """Call `work` until SIGTERM or SIGINT sets the event that it is given. It asks that event at every turn, which
    `heartbeat` tells.

    A `recoverable` error (the broker or the database is away) is logged, and after a pause that grows with each failure
    the work starts over; any other error ends the process, for its supervisor to see.
    """
    stop = _Stop(heartbeat)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    failures = 0
    while not stop.is_set():
        try:
            work(stop)
            failures = 0
        except recoverable as error:
            failures += 1
            pause = growing_pause(failures)
            log.warning("unavailable", error=repr(error), pause_seconds=round(pause, 2), failures=failures)
            stop.wait(pause)
