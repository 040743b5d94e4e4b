"""How a long-running process ends, and how it comes back after an outage."""

import random
import signal
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


def run_until_stopped(work: Callable[[threading.Event], None], recoverable: tuple[type[Exception], ...]) -> None:
    """Call `work` until SIGTERM or SIGINT sets the event that it is given.

    A `recoverable` error (the broker or the database is away) is logged, and after a pause that grows with each failure
    the work starts over; any other error ends the process, for its supervisor to see.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    failures = 0
    while not stop.is_set():
        try:
            work(stop)
            failures = 0
        except recoverable as error:
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures) * random.uniform(0.5, 1)  # noqa: S311
            failures += 1
            log.warning("unavailable", error=repr(error), pause_seconds=round(pause, 2), failures=failures)
            stop.wait(pause)
