"""One connection's worth of a subscriber's work: what was received is handled in threads, then acknowledged."""

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from client.event_queue import Delivery, EventQueue

IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.02
"""How long what was handled may wait for its acknowledgement, while something else is being handled."""

Handle = Callable[[bytes, threading.Event], bool]


class Shift:
    """The deliveries in hand, from their arrival to their acknowledgement.

    `handle` returns whether what it was given is done with. From the moment when it says no, or raises, nothing more is
    handled: what is younger has to come after it.
    """

    def __init__(self, queue: EventQueue, handle: Handle, *, shared: bool) -> None:
        self._queue = queue
        self._handle = handle
        self._shared = shared
        self._leaving = threading.Event()
        self._in_hand: dict[Future[bool], Delivery] = {}

    def work(self, concurrency: int, stopping: threading.Event) -> None:
        """Work until `stopping` is set, then finish what was begun. Raises what the broker or `handle` raises."""
        with ThreadPoolExecutor(concurrency, thread_name_prefix="subscriber") as threads:
            try:
                while not (stopping.is_set() or self._leaving.is_set()):
                    for delivery in self._queue.receive(0 if self._in_hand else IDLE_SECONDS):
                        self._in_hand[threads.submit(self._try, delivery.body)] = delivery
                    wait(self._in_hand, BUSY_SECONDS)
                    self._acknowledge()
                self._finish()
            finally:
                self._leaving.set()
                for each in self._in_hand:
                    each.cancel()

    def _finish(self) -> None:
        self._leaving.set()
        unbegun = [self._in_hand.pop(each) for each in [*self._in_hand] if each.cancel()]
        # Without order, others can have them at once. In order, nobody may take one before the last has ended.
        if self._shared:
            self._queue.withdraw(unbegun)
        while self._in_hand:
            wait(self._in_hand, IDLE_SECONDS, FIRST_COMPLETED)
            self._queue.receive(0)  # a sign of life
            self._acknowledge()

    def _acknowledge(self) -> None:
        done = [each for each in self._in_hand if each.done()]
        deliveries = [(each, self._in_hand.pop(each)) for each in done]
        self._queue.acknowledge([delivery for each, delivery in deliveries if each.result()])

    def _try(self, body: bytes) -> bool:
        is_done = False
        try:
            is_done = not self._leaving.is_set() and self._handle(body, self._leaving)
        finally:
            if not is_done:
                self._leaving.set()
        return is_done
