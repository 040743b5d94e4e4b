"""Subscribing to events: from a durable queue, in order, each with its effect once, over every outage.

The connection belongs to one thread, which tells the broker all the while that this subscriber lives; events are
handled in others. An event is acknowledged once it was handled, or parked.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from uuid import uuid4

from client.broker import broker_errors, connect, is_redis
from client.event_queue import EventQueue, declare, event_queue
from client.memory import Event, Handler, Memory, NoMemory
from client.message_spans import handling
from client.parking import park
from client.pauses import LONGEST_PAUSE_SECONDS, growing_pause
from client.rabbitmq_queue import RabbitMQQueue
from client.redis_queue import RedisQueue
from client.shift import Shift

MAX_ATTEMPTS = 10
LONGEST_RETRY_PAUSE_SECONDS = 30.0
"""With ten attempts an event is given up after about a minute."""
PREFETCH_COUNT = 50
EVENTS_PER_THREAD = 2
"""Where others share the queue: one in work and one at hand; the rest stays with the broker, for them."""

log = logging.getLogger(__name__)

GiveUp = Callable[[bytes, Exception], None]


class NoEvent(ValueError):  # noqa: N818 - it says what the message is
    """What came from the queue is no CloudEvents document."""


class NotNow(Exception):  # noqa: N818 - a state, not a fault
    """To be raised by a handler that cannot work at the moment, whatever the event: it is tried again without end, with
    pauses, and nothing is given up."""


class Subscriber:
    """Gives the events whose names match `patterns` to `handler`, one after the other, until it is stopped.

    The broker keeps them in the durable queue `name` from the first `declare` or `run` on. One process reads it at a
    time; others of the same name stand by. Where it is `shared`, all of them read, with `concurrency` threads each, and
    events have no order: then there can be no memory either.

    An event that the handler raised at is tried again, with growing pauses, while the others wait for their turn; after
    `max_attempts` it is `on_poison`'s, which takes its body and the last error. Without one it is parked: sent to the
    queue `NAME.parked`. So is what is no event.
    """

    def __init__(
        self,
        broker_url: str,
        name: str,
        handler: Handler,
        *,
        patterns: Sequence[str] = ("#",),
        memory: Memory | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        on_poison: GiveUp | None = None,
        shared: bool = False,
        concurrency: int = 1,
    ) -> None:
        if shared and memory is not None:
            raise ValueError("a shared queue has no order, which a memory needs")
        if concurrency > 1 and not shared:
            raise ValueError("events handled side by side have no order: say that the queue is shared")
        self._broker_url = broker_url
        self._queue = event_queue(name, patterns, shared=shared)
        self._handler = handler
        self._memory = memory or NoMemory()
        self._max_attempts = max_attempts
        self._on_poison = on_poison or partial(park, broker_url, name)
        self._shared = shared
        self._concurrency = concurrency
        self._reader = str(uuid4())
        self._stopping = threading.Event()

    def declare(self) -> None:
        """Have the broker keep events from now on. Raises what the broker raises."""
        with connect(self._broker_url) as connection:
            declare(connection, self._queue)

    def stop(self) -> None:
        """Have `run` return once what is being handled has ended. From a signal handler too, or another thread."""
        self._stopping.set()

    def run(self) -> None:
        """Handle events until `stop`, over every loss of the broker."""
        failures = 0
        while not self._stopping.is_set():
            began_at = time.monotonic()
            try:
                with closing(self._open()) as queue:
                    Shift(queue, self._handle, shared=self._shared).work(self._concurrency, self._stopping)
            except broker_errors(self._broker_url) as error:
                failures = 1 if time.monotonic() - began_at > LONGEST_PAUSE_SECONDS else failures + 1
                pause = growing_pause(failures)
                log.warning("no events from %s, next attempt in %.1f s: %r", self._queue.name, pause, error)
                self._stopping.wait(pause)

    def _open(self) -> EventQueue:
        count = self._concurrency * EVENTS_PER_THREAD if self._shared else PREFETCH_COUNT
        if not is_redis(self._broker_url):
            return RabbitMQQueue(self._broker_url, self._queue, prefetch_count=count)
        return RedisQueue(self._broker_url, self._queue, reader=self._reader, shared=self._shared, prefetch_count=count)

    def _handle(self, body: bytes, leaving: threading.Event) -> bool:
        """Return whether the event in `body` is done with: handled, or given up. It is not if `leaving` was set."""
        failures = 0
        while not leaving.is_set():
            try:
                event = _event_in(body)
                with handling(event, self._queue.name, self._broker_url):
                    self._memory.handle(event, self._handler)
                return True
            except NotNow as error:
                log.warning("events in %s have to wait: %r", self._queue.name, error.__cause__ or error)
            except Exception as error:  # noqa: BLE001 - whatever it is, the event is neither lost nor in the way for ever
                failures += 1
                log.warning("an event in %s failed %s times: %r", self._queue.name, failures, error)
                last = isinstance(error, NoEvent) or failures >= self._max_attempts
                if last and self._gave_up(body, error):
                    return True
            leaving.wait(growing_pause(max(1, failures), longest_seconds=LONGEST_RETRY_PAUSE_SECONDS))
        return False

    def _gave_up(self, body: bytes, error: Exception) -> bool:
        try:
            self._on_poison(body, error)
        except Exception:
            log.exception("an event in %s could not be given up", self._queue.name)
            return False
        log.error("an event in %s was given up", self._queue.name, exc_info=error)
        return True


def _event_in(body: bytes) -> Event:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("id"), str):
        raise NoEvent("the message is no CloudEvents document")
    return event
