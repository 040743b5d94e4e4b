"""Batches of events on their way to the broker: whole, in order, and again where the broker did not take them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection as KombuConnection
from kombu import Exchange, Queue
from redis import Redis
from sqlalchemy import Engine

import workers.publisher
from client.broker import EVENT_EXCHANGE, broker_errors
from models import names
from models.store.outbox import unpublished
from tests.commands import Subscriber, eventually, ids_of
from tests.integration.relaying import (
    all_are_published,
    connected,
    publish_everything,
    publishing,
    relaying,
    row,
    stored,
    write,
)

BATCH_COUNT = 20


def test_a_long_history_of_one_group_arrives_in_order(engine: Engine, broker_url: str) -> None:
    group_id, count = uuid4(), 1100  # three batches
    write(engine, [row(number, group_id) for number in range(1, count + 1)])
    with Subscriber(broker_url, "job_group.*") as subscriber:
        publish_everything(engine, broker_url)
        arrived = subscriber.receive(count)
    assert [event["sequence"] for event in arrived] == list(range(1, count + 1))


def test_a_queue_bound_while_the_relay_runs_gets_the_next_event(engine: Engine, broker_url: str) -> None:
    with publishing(broker_url) as publisher, relaying(engine, publisher), Subscriber(broker_url, "#") as first:
        write(engine, [row(1, uuid4())])
        first.receive(1)
        with Subscriber(broker_url, "job_group.*") as second:
            write(engine, [row(2, uuid4())])
            assert [event["data"]["number"] for event in second.receive(1)] == [2]
        assert len(first.receive(2)) == 2


def test_a_queue_unbound_while_the_relay_runs_is_not_filled_again(engine: Engine, redis_url: str) -> None:
    with publishing(redis_url) as publisher, relaying(engine, publisher), KombuConnection(redis_url) as broker:
        queue = Queue(f"tests.{uuid4()}", EVENT_EXCHANGE, "#")(broker.default_channel)
        queue.declare()
        write(engine, [row(1, uuid4())])
        eventually(lambda: all_are_published(engine))
        queue.delete()
        write(engine, [row(2, uuid4())])
        eventually(lambda: all_are_published(engine))
        assert broker.default_channel.client.llen(queue.name) == 0


@contextmanager
def full_queue(rabbitmq_url: str) -> Iterator[None]:
    """A subscriber's queue that takes half a batch and refuses the rest."""
    full = {"x-max-length": BATCH_COUNT // 2, "x-overflow": "reject-publish"}
    with KombuConnection(rabbitmq_url) as broker:
        queue = Queue("tests.full", EVENT_EXCHANGE, "#", exclusive=True, durable=False, queue_arguments=full)
        queue(broker.default_channel).declare()
        yield


def test_a_batch_of_which_one_event_is_refused_is_published_again(engine: Engine, rabbitmq_url: str) -> None:
    write(engine, [row(number, uuid4()) for number in range(BATCH_COUNT)])
    with Subscriber(rabbitmq_url, "#") as subscriber:
        with (
            full_queue(rabbitmq_url),
            publishing(rabbitmq_url) as publisher,
            relaying(engine, publisher) as relay,
            pytest.raises(broker_errors(rabbitmq_url)),
        ):
            relay.result(10)
        assert [event["position"] for event in stored(engine)] == [None] * BATCH_COUNT
        publish_everything(engine, rabbitmq_url)
        arrived = ids_of(subscriber.receive(2 * BATCH_COUNT))
    assert arrived == 2 * [str(event["id"]) for event in stored(engine)]


def test_a_batch_in_which_the_channel_is_closed_is_published_again(
    engine: Engine, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RabbitMQ closes a channel that publishes to an exchange which is not there."""
    write(engine, [row(number, uuid4()) for number in range(BATCH_COUNT)])
    publish, published = workers.publisher.Producer.publish, iter(range(BATCH_COUNT))

    def publish_and_lose_the_exchange(*args: Any, **options: Any) -> Any:
        if next(published) == BATCH_COUNT // 2:
            with KombuConnection(rabbitmq_url) as broker:
                Exchange(names.EVENT_EXCHANGE)(broker.default_channel).delete()
        return publish(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(workers.publisher.Producer, "publish", publish_and_lose_the_exchange)
        with (
            publishing(rabbitmq_url) as publisher,
            relaying(engine, publisher) as relay,
            pytest.raises(broker_errors(rabbitmq_url)),
        ):
            relay.result(10)
    assert [event["position"] for event in stored(engine)] == [None] * BATCH_COUNT
    with Subscriber(rabbitmq_url, "#") as subscriber:
        publish_everything(engine, rabbitmq_url)
        assert ids_of(subscriber.receive(BATCH_COUNT)) == [str(event["id"]) for event in stored(engine)]


def test_a_confirmation_that_does_not_come_is_not_waited_for_for_ever(
    engine: Engine, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.batched_rabbitmq.CONFIRM_TIMEOUT_SECONDS", 0.0)
    write(engine, [row(number, uuid4()) for number in range(BATCH_COUNT)])
    with connected(engine) as relay, publishing(rabbitmq_url) as publisher, pytest.raises(TimeoutError):
        publisher.publish(unpublished(relay, BATCH_COUNT))


def test_a_redis_that_runs_out_of_memory_takes_a_batch_whole_or_not_at_all(engine: Engine, redis_url: str) -> None:
    """Of a batch in parts, a queue would get later events before the earlier ones."""
    write(engine, [row(number, uuid4()) for number in range(500)])
    with (
        Redis.from_url(redis_url) as redis,
        Subscriber(redis_url, "#") as one,
        Subscriber(redis_url, "job_group.*") as other,
        connected(engine) as relay,
        publishing(redis_url) as publisher,
    ):
        batch = unpublished(relay, 500)
        used: Any = redis.info("memory")
        redis.config_set("maxmemory", used["used_memory"] + 300_000)
        try:
            with pytest.raises(broker_errors(redis_url)):
                publisher.publish(batch)
        finally:
            redis.config_set("maxmemory", 0)
        assert one.nothing_more()
        assert other.nothing_more()
        publisher.publish(batch)
        for subscriber in (one, other):
            assert ids_of(subscriber.receive(500)) == [str(event["id"]) for event in batch]


@pytest.mark.parametrize(("scheme", "port"), [("amqp", 5672), ("amqps", 5671)])
def test_tls_is_spoken_where_the_address_says_so(scheme: str, port: int) -> None:
    connection = publishing(f"{scheme}://guest:guest@127.0.0.1//")._connection
    assert bool(connection.transport.client.ssl) == (scheme == "amqps")
    assert connection.transport.default_connection_params["port"] == port
