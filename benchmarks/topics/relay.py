"""The relay: a backlog of events to the queues of their subscribers."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import orjson
import psycopg
from kombu import Connection, Producer
from sqlalchemy import create_engine, select

from benchmarks.alternation import alternate
from benchmarks.stage import BROKERS, Stage, stage
from benchmarks.table import Table
from client.broker import EVENT_EXCHANGE, connect
from client.event_queue import event_queue
from models.commands import CommandEnvelope
from models.store.outbox import cloud_event_of
from models.store.tables import events
from settings import Settings
from tasks.handling import handle
from tests.commands import create, delete, new_id, patch
from workers.publisher import CONTENT_TYPE, transport_of
from workers.relay import BATCH_COUNT

EVENT_COUNTS = {1: 48_000, 10: 12_000}
"""By the number of bound queues; of these the plain loop publishes the first tenth."""
COMMANDS_PER_TRANSACTION = 300
REQUIRED_RATIO = 5
PATIENCE_SECONDS = 300

Document = tuple[str, bytes]
"""An event's name, and what is published of it."""

SAID = """\
A backlog of {count:,} committed events (groups that are created, changed and deleted), {queues} bound to everything, as
`client.subscriber` declares them (on RabbitMQ: quorum queues).
The relay, one process, publishes, awaits the broker's confirmation{stream} and stamps each event in PostgreSQL; timed
from its first stamp to its last. The plain loop calls kombu's `Producer.publish` for the same documents, ready in its
memory{confirming}, and does nothing else. "From memory" publishes all of them in the relay's own batches, and neither
reads nor stamps any: what broker and client can do."""


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Let the relay and a plain loop publish the same events."""
    with stage() as servers:
        for queue_count, event_count in EVENT_COUNTS.items():
            documents = _commit_events(servers, event_count)
            for broker in BROKERS:
                keep(_compared(servers, broker, queue_count, documents, rounds))


def _compared(servers: Stage, broker: str, queue_count: int, documents: Sequence[Document], rounds: int) -> Table:
    ours = "relay"
    plain, ceiling = "kombu, `Producer.publish` in a loop", "the relay's batches, from memory"
    queues = "1 queue" if queue_count == 1 else f"{queue_count} queues"
    with _bound_queues(servers.broker_url(broker), queue_count) as purge:

        def relay() -> float:
            _forget_stamps(servers)
            return purge(lambda: _relay(servers, servers.settings(broker), len(documents)))

        def loop() -> float:
            return purge(lambda: _publish(servers.broker_url(broker), documents[: len(documents) // 10]))

        def batches() -> float:
            return purge(lambda: _publish_batches(servers.broker_url(broker), documents))

        figures = alternate({ours: relay, plain: loop, ceiling: batches}, rounds, "events/s")
    return Table(
        topic="relay",
        title=f"A backlog to {queues} on {broker}",
        unit="events/s",
        ours=ours,
        figures=figures,
        # On RabbitMQ 5,000 events/s is what is asked.
        required={plain: REQUIRED_RATIO} if broker == "redis" else {},
        said=SAID.format(
            count=len(documents),
            queues=queues,
            stream=" (and appends to the stream)" if broker == "redis" else "",
            confirming="" if broker == "redis" else ", with `confirm_publish`",
        ),
    )


def _commit_events(servers: Stage, count: int) -> list[Document]:
    """Commit `count` events, keep them for later rounds, and return their names and documents."""
    servers.clean()
    engine = create_engine(servers.database_url)
    for commands in _lives(count):
        handle(engine, commands)
    with engine.connect() as connection:
        rows = connection.execute(select(events).order_by(events.c.ordinal)).mappings()
        documents = [(row["name"], orjson.dumps(cloud_event_of(row))) for row in rows]
    engine.dispose()
    assert len(documents) == count
    with psycopg.connect(servers.postgres_url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept_events")
        connection.execute("CREATE TABLE kept_events AS SELECT * FROM events")
    return documents


def _lives(event_count: int) -> Iterator[list[CommandEnvelope]]:
    changes = {"tags": ["march"], "description": "Scanned on the second floor"}
    for _ in range(event_count // COMMANDS_PER_TRANSACTION):
        ids = [new_id() for _ in range(COMMANDS_PER_TRANSACTION // 3)]
        lives = [(create(id_), patch(id_, changes), delete(id_)) for id_ in ids]
        yield [command for life in lives for command in life]


def _forget_stamps(servers: Stage) -> None:
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection:
        connection.execute("TRUNCATE events")
        connection.execute("INSERT INTO events OVERRIDING SYSTEM VALUE SELECT * FROM kept_events ORDER BY ordinal")
        connection.execute("VACUUM ANALYZE events")
        connection.execute("CHECKPOINT")


@contextmanager
def _bound_queues(broker_url: str, count: int) -> Iterator[Callable[[Callable[[], float]], float]]:
    """Bind `count` queues to every event; give what runs a measurement and then empties them."""
    with Connection(broker_url) as connection:
        channel = connection.channel()
        queues = [event_queue(f"bench.{uuid4()}", ["#"])(channel) for _ in range(count)]
        for queue in queues:
            queue.declare()

        def then_purge(run: Callable[[], float]) -> float:
            figure = run()
            for queue in queues:
                queue.purge()
            return figure

        yield then_purge
        for queue in queues:
            queue.delete()


def _relay(servers: Stage, settings: Settings, count: int) -> float:
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection, servers.service(settings, "relay"):

        def stamped_count() -> int:
            ((position,),) = connection.execute("SELECT coalesce(max(position), 0) FROM events")
            return int(position)

        deadline = time.monotonic() + PATIENCE_SECONDS
        first, began_at = 0, 0.0
        while (stamped := stamped_count()) < count:
            if not first and stamped:
                first, began_at = stamped, time.monotonic()
            assert time.monotonic() < deadline, f"only {stamped} of {count} events were relayed"
            time.sleep(0.005)
        return (count - first) / (time.monotonic() - began_at)


def _publish(broker_url: str, documents: Sequence[Document]) -> float:
    with Connection(broker_url, transport_options={"confirm_publish": True}) as connection:
        producer = Producer(connection.channel(), exchange=EVENT_EXCHANGE)
        producer.declare()
        began_at = time.monotonic()
        _publish_each(producer, documents)
        return len(documents) / (time.monotonic() - began_at)


def _publish_batches(broker_url: str, documents: Sequence[Document]) -> float:
    with connect(broker_url, transport=transport_of(broker_url)) as connection:
        producer = Producer(connection.channel(), exchange=EVENT_EXCHANGE)
        producer.declare()
        began_at = time.monotonic()
        for start in range(0, len(documents), BATCH_COUNT):
            with producer.batch():
                _publish_each(producer, documents[start : start + BATCH_COUNT])
        return len(documents) / (time.monotonic() - began_at)


def _publish_each(producer: Producer, documents: Sequence[Document]) -> None:
    for name, document in documents:
        producer.publish(document, routing_key=name, content_type=CONTENT_TYPE, content_encoding="binary")
