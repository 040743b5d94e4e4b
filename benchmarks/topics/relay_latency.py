"""The relay at rest: how long after its commit an event is with a subscriber."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from statistics import quantiles
from threading import Event
from uuid import uuid4

from kombu import Connection, Consumer, Message, Producer, Queue
from sqlalchemy import create_engine

from benchmarks.stage import BROKERS, Stage, stage
from benchmarks.table import Table
from client.broker import EVENT_EXCHANGE
from models import names
from tasks.handling import handle
from tests.commands import create, new_id

EVENT_COUNT = 300
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 20.0
RELAY, PLAIN = "commit to subscriber, through the relay", "kombu publish to subscriber, without an outbox"

SAID = f"""\
One `job_group.create` after the other, each in a transaction of its own, {PAUSE_SECONDS * 1000:g} ms between them,
{EVENT_COUNT} in a round; the subscriber is a stock kombu consumer. Timed from the return of the commit to the
subscriber's callback. Required: p50 of at most 10 ms. The other contestant publishes the command's own document with
kombu's `Producer.publish` and is timed from that call: the broker's and the subscriber's part of it."""


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Time single events to a subscriber that waits for them."""
    with stage() as servers:
        for broker in BROKERS:
            servers.clean()
            with (
                servers.service(servers.settings(broker), "relay"),
                _subscriber(servers.broker_url(broker)) as arrivals,
            ):
                _through_the_relay(servers, arrivals, 20)
                figures: dict[str, list[float]] = {
                    f"{way}, {part}": [] for way in (RELAY, PLAIN) for part in ("p50", "p99")
                }
                for _ in range(rounds):
                    _note(figures, RELAY, _through_the_relay(servers, arrivals, EVENT_COUNT))
                    _note(figures, PLAIN, _published(servers.broker_url(broker), arrivals, EVENT_COUNT))
            keep(
                Table(
                    topic="relay",
                    title=f"Commit to subscriber on {broker}, idle",
                    unit="ms",
                    ours=f"{RELAY}, p50",
                    figures=figures,
                    less_is_better=True,
                    said=SAID,
                )
            )


def _note(figures: dict[str, list[float]], way: str, seconds: list[float]) -> None:
    hundredths = quantiles(seconds, n=100)
    for part, value in (("p50", hundredths[49]), ("p99", hundredths[98])):
        figures[f"{way}, {part}"].append(round(value * 1000, 2))


@contextmanager
def _subscriber(broker_url: str) -> Iterator["SimpleQueue[float]"]:
    """Give the instants at which a stock consumer, in a thread of its own, received its messages."""
    arrivals: SimpleQueue[float] = SimpleQueue()
    ready, stop = Event(), Event()

    def receive(message: Message) -> None:
        arrivals.put(time.perf_counter())
        message.ack()

    def consume() -> None:
        with Connection(broker_url) as connection:
            queue = Queue(f"bench.{uuid4()}", EVENT_EXCHANGE, "#")(connection.channel())
            with Consumer(connection.channel(), [queue], on_message=receive, accept=None):
                ready.set()
                while not stop.is_set():
                    with suppress(TimeoutError):
                        connection.drain_events(timeout=0.5)
            queue.delete()

    with ThreadPoolExecutor(1) as threads:
        consuming = threads.submit(consume)
        assert ready.wait(PATIENCE_SECONDS)
        yield arrivals
        stop.set()
        consuming.result(PATIENCE_SECONDS)


def _through_the_relay(servers: Stage, arrivals: "SimpleQueue[float]", count: int) -> list[float]:
    engine = create_engine(servers.database_url)

    def commit() -> float:
        handle(engine, [create(new_id())])
        return time.perf_counter()

    try:
        return [_timed(commit, arrivals) for _ in range(count)]
    finally:
        engine.dispose()


def _published(broker_url: str, arrivals: "SimpleQueue[float]", count: int) -> list[float]:
    with Connection(broker_url) as connection:
        producer = Producer(connection.channel(), exchange=EVENT_EXCHANGE)

        def publish() -> float:
            called_at = time.perf_counter()
            document = create(new_id()).model_dump(mode="json")
            producer.publish(document, routing_key=names.JOB_GROUP_CREATED)
            return called_at

        return [_timed(publish, arrivals) for _ in range(count)]


def _timed(cause: Callable[[], float], arrivals: "SimpleQueue[float]") -> float:
    time.sleep(PAUSE_SECONDS)
    caused_at = cause()
    return arrivals.get(timeout=PATIENCE_SECONDS) - caused_at
