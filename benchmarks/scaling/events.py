"""What one published event costs: seconds of the relay, of PostgreSQL and of the broker, and bytes of log."""

import time
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from kombu import Connection, Queue
from sqlalchemy import create_engine

from benchmarks.scaling.commands import creates
from benchmarks.scaling.meters import cpu_seconds, wal_bytes
from benchmarks.stage import Stage
from client.broker import EVENT_EXCHANGE
from models.store.engine import make_engine
from models.store.outbox import read_in_order, stamp, unpublished
from tasks.handling import handle
from workers.publisher import EventPublisher
from workers.relay import BATCH_COUNT

QUEUES = {"redis": ["list"], "rabbitmq": ["classic", "quorum"]}


def costs_of_events(servers: Stage) -> dict[str, Any]:
    """Publish a backlog of new groups to one queue of each type."""
    return {
        f"{type_} queue on {broker}": _published(servers, broker, type_)
        for broker, types in QUEUES.items()
        for type_ in types
    }


def _published(servers: Stage, broker: str, type_: str) -> dict[str, Any]:
    servers.clean()
    count = _commit_events(servers)
    arguments = {"x-queue-type": type_} if broker == "rabbitmq" else None
    engine = make_engine(servers.database_url)
    with (
        Connection(servers.broker_url(broker)) as connection,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as relay,
        EventPublisher(servers.broker_url(broker), stream_max_count=100_000) as publisher,
    ):
        queue = Queue(f"bench.{uuid4()}", EVENT_EXCHANGE, "#", queue_arguments=arguments)(connection.channel())
        queue.declare()
        read_in_order(relay)
        postgres = psutil.Process(relay.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        measured = _relayed(servers, relay, publisher, count, postgres, _broker_process(broker))
        queue.delete()
    engine.dispose()
    return measured


def _relayed(
    servers: Stage, relay: Any, publisher: EventPublisher, count: int, postgres: psutil.Process, broker: psutil.Process
) -> dict[str, Any]:
    def used() -> list[float]:
        return [
            time.perf_counter(),
            time.process_time(),
            cpu_seconds(postgres),
            cpu_seconds(broker),
            wal_bytes(servers),
        ]

    before, position = used(), 0
    while batch := unpublished(relay, BATCH_COUNT):
        publisher.publish(batch)
        position = stamp(relay, batch, after=position)
    assert position == count
    seconds, ours, database, brokers, wal = (after - first for after, first in zip(used(), before, strict=True))
    return {
        "events_per_second": round(count / seconds),
        "relay_cpu_us": round(ours / count * 1e6, 1),
        "postgres_cpu_us": round(database / count * 1e6, 1),
        "broker_cpu_us": round(brokers / count * 1e6, 1),
        "wal_bytes": round(wal / count),
    }


def _commit_events(servers: Stage) -> int:
    engine = create_engine(servers.database_url)
    count = sum(len(handle(engine, message)) for message in creates())
    engine.dispose()
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE events")
        connection.execute("CHECKPOINT")
    return count


def _broker_process(broker: str) -> psutil.Process:
    """A broker's own process among our children; RabbitMQ's is called after Erlang's machine."""
    name = "beam" if broker == "rabbitmq" else "redis"
    (found,) = [each for each in psutil.Process().children(recursive=True) if name in each.name()]
    return found
