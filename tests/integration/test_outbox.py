"""From the outbox to the subscribers: on a real PostgreSQL, a real Redis and a real RabbitMQ."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_rabbitmq_event
from kombu import Connection as KombuConnection
from kombu import Message, Queue
from redis import Redis
from sqlalchemy import Engine, RowMapping, text

from client.broker import EVENT_EXCHANGE, broker_errors
from models import names
from models.store.bulk import write_rows
from models.store.engine import DatabaseUnavailable
from models.store.outbox import last_position, lead, stamp, unpublished, wait_for_events
from models.store.tables import events
from tasks.handling import handle
from tests.commands import Subscriber, create, delete, eventually, ids_of, new_id, patch
from tests.integration.relaying import (
    STREAM_MAX_COUNT,
    all_are_published,
    connected,
    publish_everything,
    publishing,
    relaying,
    row,
    stored,
    write,
)
from workers.publisher import EventPublisher


def test_a_transaction_that_commits_late_is_not_skipped(engine: Engine) -> None:
    early, late = uuid4(), uuid4()
    with connected(engine) as relay, engine.connect() as slow:
        write_rows(slow, {events: [row(1, late)]})  # takes the lower ordinal
        write(engine, [row(1, early)])
        first = unpublished(relay, 100)
        position = stamp(relay, first, after=last_position(relay))
        slow.commit()
        second = unpublished(relay, 100)
        stamp(relay, second, after=position)
    assert [event["group_id"] for event in first] == [early]
    assert [event["group_id"] for event in second] == [late]
    assert second[0]["ordinal"] < first[0]["ordinal"]
    assert [event["group_id"] for event in stored(engine)] == [early, late]


def test_a_batch_of_large_events_is_a_shorter_one(engine: Engine) -> None:
    group_id = uuid4()
    rows = [row(number, group_id) for number in range(1, 31)]
    for each in rows:
        each["data"]["noise"] = token_hex(200_000)  # which does not compress well
    write(engine, rows)
    lengths = []
    with connected(engine) as connection:
        while batch := unpublished(connection, 1000):
            lengths.append(len(batch))
            stamp(connection, batch, after=last_position(connection))
    assert sum(lengths) == 30
    assert 3 <= len(lengths) <= 5
    assert [event["sequence"] for event in stored(engine)] == list(range(1, 31))


def test_each_group_keeps_its_order_whatever_the_ids(engine: Engine) -> None:
    groups = [uuid4() for _ in range(5)]
    falling = iter(range(1000, 0, -1))
    for number in range(1, 21):
        write(engine, [row(number, group_id, id_=UUID(int=next(falling))) for group_id in groups])
    with connected(engine) as connection:
        found = unpublished(connection, 1000)
    for group_id in groups:
        assert [event["sequence"] for event in found if event["group_id"] == group_id] == list(range(1, 21))


def test_positions_have_no_gap_and_follow_the_order_of_publishing(engine: Engine) -> None:
    write(engine, [row(number, uuid4()) for number in range(20)])
    published: list[RowMapping] = []
    with connected(engine) as connection:
        position = 0
        while batch := unpublished(connection, 7):
            published += batch
            position = stamp(connection, batch, after=position)
            assert last_position(connection) == position
    assert [event["position"] for event in stored(engine)] == list(range(1, 21))
    assert [event["id"] for event in stored(engine)] == [event["id"] for event in published]


def test_a_stamped_event_is_not_stamped_again(engine: Engine) -> None:
    write(engine, [row(1, uuid4())])
    with connected(engine) as connection:
        batch = unpublished(connection, 10)
        stamp(connection, batch, after=0)
        stamp(connection, batch, after=41)
        assert last_position(connection) == 1


def test_one_relay_leads_until_its_connection_closes(engine: Engine) -> None:
    with connected(engine) as standby:
        with connected(engine) as leader:
            assert lead(leader)
            assert not lead(standby)
        assert eventually(lambda: lead(standby))


class BrokenPublisher:
    """Publishes the beginning of a batch, then loses its broker."""

    def __init__(self, publisher: EventPublisher, count: int) -> None:
        self._publisher, self._count = publisher, count

    def publish(self, batch: Sequence[RowMapping]) -> None:
        self._publisher.publish(batch[: self._count])
        raise ConnectionError("gone")


def test_what_was_not_confirmed_comes_again_under_the_same_ids(engine: Engine, broker_url: str) -> None:
    write(engine, [row(number, uuid4()) for number in range(10)])
    with Subscriber(broker_url, "#") as subscriber:
        with (
            publishing(broker_url) as publisher,
            relaying(engine, BrokenPublisher(publisher, 4)) as relay,
            pytest.raises(ConnectionError),
        ):
            relay.result(10)
        assert [event["position"] for event in stored(engine)] == [None] * 10
        publish_everything(engine, broker_url)
        received = ids_of(subscriber.receive(14))
    expected = [str(event["id"]) for event in stored(engine)]
    assert received == expected[:4] + expected
    assert [event["position"] for event in stored(engine)] == list(range(1, 11))


def test_a_life_arrives_in_order(engine: Engine, broker_url: str) -> None:
    ids = [new_id() for _ in range(3)]
    with Subscriber(broker_url, "job_group.*") as subscriber:
        for number in range(4):
            handle(engine, [patch(id_, {"tags": [str(number)]}) if number else create(id_) for id_ in ids])
        handle(engine, [delete(id_) for id_ in ids])
        publish_everything(engine, broker_url)
        lives = {id_: subscriber.of_group(id_, 5) for id_ in ids}
    for life in lives.values():
        assert [event["sequence"] for event in life] == [1, 2, 3, 4, 5]
        assert [event["type"].split(".")[2] for event in life] == ["created", *["updated"] * 3, "deleted"]


def test_an_event_written_while_the_relay_waits_goes_out_at_once(engine: Engine, broker_url: str) -> None:
    with (
        Subscriber(broker_url, "#") as subscriber,
        publishing(broker_url) as publisher,
        relaying(engine, publisher),
    ):
        for number in range(1, 4):
            write(engine, [row(number, uuid4())])
            eventually(lambda: all_are_published(engine))
        assert len(subscriber.receive(3)) == 3


def test_a_subscriber_gets_what_its_pattern_says(engine: Engine, broker_url: str) -> None:
    id_ = new_id()
    with (
        Subscriber(broker_url, "job_group.*") as groups,
        Subscriber(broker_url, "#") as everything,
        Subscriber(broker_url, "job_group.deleted", "command.rejected") as some,
    ):
        handle(engine, [create(id_), create(id_), delete(id_)])
        publish_everything(engine, broker_url)
        kinds = [
            [event["type"] for event in subscriber.of_group(id_, count)]
            for subscriber, count in ((groups, 2), (everything, 3), (some, 2))
        ]
        assert groups.nothing_more()
    created, rejected, deleted = (
        f"ocr_invoice.{name}.v1" for name in ("job_group.created", "command.rejected", "job_group.deleted")
    )
    assert kinds == [[created, deleted], [created, rejected, deleted], [rejected, deleted]]


def test_every_event_is_a_cloud_event_that_their_library_reads(engine: Engine, broker_url: str) -> None:
    id_, traceparent = new_id(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    creation = create(id_).model_copy(update={"correlation_id": "order 4711", "traceparent": traceparent})
    with Subscriber(broker_url, "#") as subscriber:
        handle(engine, [creation, create(id_)])
        publish_everything(engine, broker_url)
        subscriber.of_group(id_, 2)
    for message, stored_event in zip(subscriber.messages, stored(engine), strict=True):
        assert message.content_type == "application/cloudevents+json"
        event = from_rabbitmq_event(RabbitMQMessage({}, message.content_type, bytes_of(message)))
        assert event.get_id() == str(stored_event["id"]) == message.properties["message_id"]
        assert event.get_source() == "/ocr-invoice-job-groups"
        assert event.get_type() == f"ocr_invoice.{stored_event['name']}.v1"
        assert event.get_subject() == id_
        assert event.get_time() == stored_event["occurred_at"]
        assert event.get_extension("sequence") == stored_event["sequence"]
        assert event.get_data() == stored_event["data"]
        if event.get_type() == "ocr_invoice.job_group.created.v1":
            assert event.get_extension("causationid") == creation.id
            assert event.get_extension("correlationid") == "order 4711"
            assert event.get_extension("traceparent") == traceparent


def bytes_of(message: Message) -> bytes:
    """The body as it travelled: kombu has decoded it on RabbitMQ, and not on Redis."""
    body: bytes | str = message.body
    return body.encode() if isinstance(body, str) else body


def test_nobody_needs_to_listen(engine: Engine, broker_url: str) -> None:
    write(engine, [row(1, uuid4(), name="job_group.never_heard")])
    publish_everything(engine, broker_url)
    assert [event["position"] for event in stored(engine)] == [1]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        client.delete(names.EVENT_STREAM)
        yield client


def test_on_redis_every_event_is_in_the_stream_as_well(engine: Engine, redis: Redis, redis_url: str) -> None:
    write(engine, [row(number, uuid4()) for number in range(5)])
    publish_everything(engine, redis_url)
    entries: Any = redis.xrange(names.EVENT_STREAM)
    assert [list(entry) for _, entry in entries] == [[b"event"]] * 5
    documents = [orjson.loads(entry[b"event"]) for _, entry in entries]
    assert ids_of(documents) == [str(event["id"]) for event in stored(engine)]


def test_the_stream_keeps_a_bounded_number_of_events(engine: Engine, redis: Redis, redis_url: str) -> None:
    write(engine, [row(number, UUID(int=1)) for number in range(2 * STREAM_MAX_COUNT)])
    publish_everything(engine, redis_url)
    # Redis trims by whole nodes, of about a hundred entries each.
    assert STREAM_MAX_COUNT <= redis.xlen(names.EVENT_STREAM) <= STREAM_MAX_COUNT + 200
    ((_, newest),) = redis.xrevrange(names.EVENT_STREAM, count=1)
    assert orjson.loads(newest[b"event"])["data"]["number"] == 2 * STREAM_MAX_COUNT - 1


def test_a_connection_lost_while_it_waits_is_an_outage(engine: Engine) -> None:
    """One that the relay gets over by itself, like every other."""
    with engine.connect() as connection, ThreadPoolExecutor(1) as threads:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        waiting = threads.submit(wait_for_events, connection, 20)
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
        with pytest.raises(DatabaseUnavailable):
            waiting.result(10)
        connection.invalidate()


def test_an_event_that_rabbitmq_refuses_is_published_later(engine: Engine, rabbitmq_url: str) -> None:
    write(engine, [row(1, uuid4())])
    full = {"x-max-length": 0, "x-overflow": "reject-publish"}
    with KombuConnection(rabbitmq_url) as broker, connected(engine) as relay, publishing(rabbitmq_url) as publisher:
        queue = Queue("tests.full", EVENT_EXCHANGE, "#", exclusive=True, durable=False, queue_arguments=full)
        queue(broker.default_channel).declare()
        with pytest.raises(broker_errors(rabbitmq_url)):
            publisher.publish(unpublished(relay, 10))
