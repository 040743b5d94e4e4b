"""A subscriber of its own pace: it has a durable queue, takes one event at a time, and needs a while for each."""

import json
import threading
from contextlib import suppress
from typing import Self

from kombu import Connection, Consumer, Exchange, Message, Queue, binding

from tests.faults.sink import Arrival, arrival_of

LOOK_SECONDS = 0.2


class Subscriber:
    """Bound to every event from its making on, present only between `start` and `stop`; a context manager."""

    def __init__(self, broker_url: str, name: str) -> None:
        exchange = Exchange("ocr_invoice.events", type="topic", durable=True)
        self._queue = Queue(
            f"tests.{name}", bindings=[binding(exchange, routing_key="#")], queue_arguments={"x-queue-type": "quorum"}
        )
        self._broker_url = broker_url
        self._pause_seconds = 0.0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.arrived: list[Arrival] = []
        with Connection(broker_url) as connection:
            self._queue(connection.default_channel).declare()

    def start(self, *, pause_seconds: float = 0.0) -> None:
        """Begin to take events, and to spend `pause_seconds` on each."""
        self._pause_seconds = pause_seconds
        self._thread.start()

    def hurry(self) -> None:
        """Spend no more time on them."""
        self._pause_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join()
        with Connection(self._broker_url) as connection:
            self._queue(connection.default_channel).delete()

    def _run(self) -> None:
        with Connection(self._broker_url) as connection:
            channel = connection.default_channel
            channel.basic_qos(0, 1, False)
            with Consumer(channel, [self._queue], on_message=self._take, accept=None, auto_declare=False):
                while not self._leaving.is_set():
                    with suppress(TimeoutError):
                        connection.drain_events(timeout=LOOK_SECONDS)

    def _take(self, message: Message) -> None:
        self._leaving.wait(self._pause_seconds)
        self.arrived.append(arrival_of(json.loads(message.body)))
        message.ack()
