"""Events as a relay publishes them, and subscribers of them that run beside a test or as processes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

from kombu import Connection, Queue
from redis import Redis

from client.broker import is_redis
from client.subscriber import Subscriber
from models import names
from tests.integration.relaying import publishing, row

BATCH_COUNT = 500
_NOTHING_MORE = dict.fromkeys(("correlation_id", "causation_id", "traceparent"))


def event(sequence: int, group_id: UUID, **more: Any) -> dict[str, Any]:
    """An event as the relay reads it."""
    return row(sequence, group_id, **more) | _NOTHING_MORE


def rejection() -> dict[str, Any]:
    """An event that has no sequence."""
    return {**event(0, uuid4(), name=names.COMMAND_REJECTED), "sequence": None}


def publish(broker_url: str, events: Sequence[Any]) -> None:
    """Publish `events` in their order, as the relay does."""
    with publishing(broker_url) as publisher:
        for first in range(0, len(events), BATCH_COUNT):
            publisher.publish(events[first : first + BATCH_COUNT])


def ids(events: Sequence[dict[str, Any]]) -> list[str]:
    return [str(each["id"]) for each in events]


def of_groups(count: int, groups: int = 4) -> list[dict[str, Any]]:
    """`count` events of some groups, in turn."""
    group_ids = [uuid4() for _ in range(groups)]
    return [event(number // groups + 1, group_ids[number % groups]) for number in range(count)]


class Handled:
    """A handler that notes what it was given, and may fail."""

    def __init__(self, fail: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self.events: list[dict[str, Any]] = []
        self.tries = 0
        self._fail = fail

    def __call__(self, event: dict[str, Any]) -> None:
        self.tries += 1
        self._fail(event)
        self.events.append(event)

    @property
    def ids(self) -> list[str]:
        """Those of the events that were handled."""
        return [event["id"] for event in self.events]


@contextmanager
def queue_name(broker_url: str) -> Iterator[str]:
    """Give a name for a subscriber; what it leaves behind is removed."""
    name = f"tests.{uuid4()}"
    yield name
    with Connection(broker_url) as connection:
        channel = connection.channel()
        for each in (name, f"{name}.parked"):
            channel.queue_delete(each)
    if is_redis(broker_url):
        with Redis.from_url(broker_url) as redis:
            binding = "_kombu.binding.ocr_invoice.events"
            for key in redis.scan_iter(f"{name}*"):
                redis.delete(key)
            for key in (binding, "_kombu.binding_permanent.ocr_invoice.events"):
                for member in redis.smembers(key):
                    if member.endswith(name.encode()):
                        redis.srem(key, member)


@contextmanager
def running(subscriber: Subscriber) -> Iterator[Subscriber]:
    """Run `subscriber` in a thread, its queue declared; raise what it raised."""
    subscriber.declare()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            subscriber.run()
        except BaseException as error:  # noqa: BLE001 - the test is to know
            ended.append(error)

    thread = Thread(target=run)
    thread.start()
    try:
        yield subscriber
    finally:
        subscriber.stop()
        thread.join(30)
    assert not thread.is_alive()
    assert not ended, ended


def parked(broker_url: str, name: str) -> list[tuple[bytes, str]]:
    """Take what was parked: bodies, and what is said of them."""
    with Connection(broker_url) as connection, connection.channel() as channel:
        queue = Queue(f"{name}.parked", channel=channel)
        messages = list(iter(lambda: queue.get(no_ack=True), None))
    bodies = [each.body if isinstance(each.body, bytes) else each.body.encode() for each in messages]
    return [(body, each.headers["error"]) for body, each in zip(bodies, messages, strict=True)]


PROGRAM = """
import json, os, signal, sys
from client import redis_queue
from client.memory import SqliteMemory
from client.subscriber import Subscriber

broker_url, name, path, deadly = sys.argv[1:]
redis_queue.SEAT_SECONDS = 1
memory = SqliteMemory(path)
memory.connection.execute("CREATE TABLE IF NOT EXISTS effects (number INTEGER PRIMARY KEY, id TEXT, event TEXT)")
handled = 0


def handle(event):
    global handled
    handled += 1
    memory.connection.execute("INSERT INTO effects (id, event) VALUES (?, ?)", [event["id"], json.dumps(event)])
    if handled == int(deadly):
        os.kill(os.getpid(), signal.SIGKILL)


subscriber = Subscriber(broker_url, name, handle, memory=memory)
signal.signal(signal.SIGTERM, lambda *_: subscriber.stop())
subscriber.run()
"""


def process(broker_url: str, name: str, path: Path, *, deadly: int = 0) -> "subprocess.Popen[bytes]":
    """Start a subscriber that writes each event into the table `effects` of the SQLite file at `path`.

    It kills itself (SIGKILL) amid the handling of its event number `deadly`.
    """
    command = [sys.executable, "-c", PROGRAM, broker_url, name, str(path), str(deadly)]
    return subprocess.Popen(command, env=dict(os.environ))


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end, which it does well."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
