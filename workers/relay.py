"""The process that publishes: every event, at least once, per group in order.

Publish, wait for the broker's confirmation, then stamp. A relay that dies in between leaves events unstamped, and the
next one publishes them again under the same ids. One relay leads; others stand by.
"""

from collections.abc import Sequence
from threading import Event
from typing import Any

import structlog
from prometheus_client import REGISTRY
from sqlalchemy import Connection, RowMapping

from client import tracing
from client.broker import broker_errors, is_redis
from client.span_export import start_tracing
from heartbeat import Heartbeat
from logs import configure_logging
from models.store.engine import DatabaseUnavailable, make_engine
from models.store.outbox import last_position, lead, listen, read_in_order, stamp, unpublished, wait_for_events
from settings import Settings
from workers.lifetime import run_until_stopped
from workers.metrics.queues import subscriber_facts
from workers.metrics.relay import LEADS, PUBLISHED, PUBLISHING
from workers.publisher import EventPublisher

BATCH_COUNT = 500
REST_SECONDS = 0.01
"""After a batch that was not full. Events that come in quick succession then go together: a batch of one costs relay,
database and whoever follows the feed as much as one of fifty. An event that comes alone finds the relay rested."""
STANDBY_SECONDS = 1.0
POLL_SECONDS = 1.0
"""How long a notification that went missing can delay an event."""

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Relay until told to stop."""
    configure_logging(settings.log_level)
    start_tracing("relay")
    database_url, broker_url = settings.require("database_url"), settings.require("broker_url")

    if is_redis(broker_url):
        REGISTRY.register(subscriber_facts(broker_url))

    def relay(stop: Event) -> None:
        engine = make_engine(database_url)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if _take_the_lead(connection, stop):
                    with EventPublisher(broker_url, stream_max_count=settings.events_stream_max_count) as publisher:
                        _relay(connection, publisher, stop)
        finally:
            LEADS.set(0)
            # The lead belongs to the connection: closed, not pooled, it is free for a standby at once.
            engine.dispose()

    run_until_stopped(relay, (DatabaseUnavailable, *broker_errors(broker_url)), Heartbeat(settings.heartbeat_file))


def _take_the_lead(connection: Connection, stop: Event) -> bool:
    while not stop.is_set():
        if lead(connection):
            LEADS.set(1)
            return True
        stop.wait(STANDBY_SECONDS)
    return False


def _relay(connection: Connection, publisher: EventPublisher, stop: Event) -> None:
    listen(connection)
    read_in_order(connection)
    position = last_position(connection)
    while not stop.is_set():
        batch = unpublished(connection, BATCH_COUNT)
        if batch:
            with PUBLISHING.time():
                publisher.publish(batch)
                position = stamp(connection, batch, after=position)
            PUBLISHED.inc(len(batch))
            log.info("events_published", count=len(batch), last_position=position, **_causes(batch))
            if len(batch) < BATCH_COUNT:
                stop.wait(REST_SECONDS)
        else:
            wait_for_events(connection, POLL_SECONDS)


def _causes(events: Sequence[RowMapping]) -> dict[str, Any]:
    """What the log calls `events` by: the commands that caused them, and of a single one all that is known."""
    commands = [*dict.fromkeys(event["causation_id"] for event in events)]
    if len(commands) > 1:
        return {"command_ids": commands}
    about = {
        "command_id": commands[0],
        "group_id": str(events[0]["group_id"]),
        "correlation_id": events[0]["correlation_id"],
        "trace_id": tracing.trace_id(events[0]["traceparent"]),
    }
    return {name: value for name, value in about.items() if value}
