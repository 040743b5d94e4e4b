"""A durable subscriber: it sees every event that the broker kept for it, in the order of arrival."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kombu import Connection, Consumer, Exchange, Message, Queue, binding
from redis import Redis

from client.broker import broker_errors, connect, is_redis

QUEUE = "tests.sink"
STREAM = "ocr_invoice.events"
NEXT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event as it arrived."""

    id: str
    subject: str | None
    sequence: int | None


class Sink(Protocol):
    """Bound before the first event."""

    def arrivals(self) -> dict[str, Sequence[Arrival]]:
        """Return all that arrived so far, by the way it came. The same again, and more, later."""

    def close(self) -> None: ...


def open_sink(broker_url: str) -> Sink:
    """Return a subscriber to every event."""
    with Connection(broker_url) as connection:
        queue = _queue()(connection.default_channel)
        queue.delete()
        queue.declare()
    return RedisSink(broker_url) if is_redis(broker_url) else RabbitSink(broker_url)


class RabbitSink:
    """A quorum queue bound to all routing keys. A connection that broke is made again at the next look."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._arrived: list[Arrival] = []
        self._connection: Connection | None = None

    def arrivals(self) -> dict[str, Sequence[Arrival]]:
        try:
            self._drain(self._open())
        except TimeoutError:
            pass
        except broker_errors(self._broker_url):
            self.close()
        return {"queue": list(self._arrived)}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.release()
        self._connection = None

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._broker_url)
            channel = self._connection.default_channel
            channel.basic_qos(0, 1000, False)
            Consumer(channel, [_queue()], on_message=self._take, accept=None, auto_declare=False).consume()
        return self._connection

    def _drain(self, connection: Connection) -> None:
        while True:
            connection.drain_events(timeout=NEXT_SECONDS)

    def _take(self, message: Message) -> None:
        self._arrived.append(arrival_of(json.loads(message.body)))
        message.ack()


class RedisSink:
    """Two subscribers: kombu's queue (a list), which is looked at and never emptied, and the stream."""

    def __init__(self, broker_url: str) -> None:
        self._redis = Redis.from_url(broker_url, socket_timeout=10, socket_connect_timeout=4)
        self._queue: list[Arrival] = []
        self._stream: list[Arrival] = []
        self._last_entry = b"-"
        self._errors = broker_errors(broker_url)

    def arrivals(self) -> dict[str, Sequence[Arrival]]:
        try:
            self._read_queue()
            self._read_stream()
        except self._errors:
            pass
        return {"queue": list(self._queue), "stream": list(self._stream)}

    def close(self) -> None:
        self._redis.close()

    def _read_queue(self) -> None:
        # kombu pushes on the left: the newest is the first, and what is known already stands at the end.
        newer: Any = self._redis.lrange(QUEUE, 0, -len(self._queue) - 1)
        self._queue += [arrival_of(json.loads(base64.b64decode(json.loads(item)["body"]))) for item in reversed(newer)]

    def _read_stream(self) -> None:
        entries: Any = self._redis.xrange(STREAM, min=self._last_entry)
        for entry_id, entry in entries:
            self._stream.append(arrival_of(json.loads(entry[b"event"])))
            self._last_entry = b"(" + entry_id


def _queue() -> Queue:
    exchange = Exchange("ocr_invoice.events", type="topic", durable=True)
    return Queue(QUEUE, bindings=[binding(exchange, routing_key="#")], queue_arguments={"x-queue-type": "quorum"})


def arrival_of(event: dict[str, Any]) -> Arrival:
    """Return what is judged of an event."""
    return Arrival(event["id"], event.get("subject"), event.get("sequence"))
