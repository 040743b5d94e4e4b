"""What is told of the queues of subscribers, and how one is taken away."""

from collections.abc import Iterator
from threading import Timer

import pytest
from amqp.exceptions import ChannelError
from kombu import Connection, Queue
from redis import Redis

import client.redis_queue
from client.broker import EVENT_EXCHANGE
from client.parking import park
from client.subscriber import Subscriber
from models import names
from tests.commands import eventually, new_id
from tests.integration.subscribing import Handled, event, of_groups, publish, queue_name, running
from workers.metrics.queues import subscriber_facts
from workers.subscriber_queues import (
    OWN_QUEUES,
    SETTLE_SECONDS,
    NoSuchQueue,
    QueueInUse,
    SubscriberQueue,
    remove,
    subscriber_queues,
)


@pytest.fixture
def name(broker_url: str) -> Iterator[str]:
    with queue_name(broker_url) as name:
        yield name


def found(redis_url: str, *names_: str) -> list[SubscriberQueue]:
    """Return what is told of these queues; other tests may have left theirs."""
    with Redis.from_url(redis_url) as redis:
        return [queue for queue in subscriber_queues(redis) if queue.name in names_]


def test_the_longest_is_told_of_first_and_by_which_patterns_it_is_bound(redis_url: str) -> None:
    with queue_name(redis_url) as one, queue_name(redis_url) as other:
        Subscriber(redis_url, one, print, patterns=[names.JOB_GROUP_COMPLETED]).declare()
        Subscriber(redis_url, other, print, patterns=["job.*", "job_group.#"]).declare()
        publish(redis_url, [*of_groups(3), event(4, of_groups(1)[0]["group_id"], name=names.JOB_GROUP_COMPLETED)])
        assert found(redis_url, one, other) == [
            SubscriberQueue(other, ["job.*", "job_group.#"], 4),
            SubscriberQueue(one, [names.JOB_GROUP_COMPLETED], 1),
        ]
        told = {family.name: family.samples for family in subscriber_facts(redis_url).collect()}
        assert told["jobgroups_subscriber_queues"][0].value >= 2
        assert told["jobgroups_subscriber_queue_messages_max"][0].value >= 4


def test_a_queue_is_gone_with_its_events_and_not_filled_again(broker_url: str, name: str) -> None:
    Subscriber(broker_url, name, print).declare()
    publish(broker_url, of_groups(5))
    eventually(lambda: waiting(broker_url, name) == 5)
    assert remove(broker_url, name) == 5
    with pytest.raises(NoSuchQueue):
        remove(broker_url, name)
    publish(broker_url, of_groups(5))
    Subscriber(broker_url, name, print).declare()
    publish(broker_url, of_groups(2))
    eventually(lambda: waiting(broker_url, name) == 2)


def waiting(broker_url: str, name: str) -> int:
    """Return how many events wait in the queue; on Redis a list that is empty is not there."""
    with Connection(broker_url) as connection:
        if broker_url.startswith("redis"):
            return int(connection.default_channel.client.llen(name))
        return int(connection.default_channel.queue_declare(name, passive=True).message_count)


def test_a_queue_that_is_read_stays(broker_url: str, name: str) -> None:
    handled = Handled()
    with running(Subscriber(broker_url, name, handled)):
        publish(broker_url, of_groups(1))
        eventually(lambda: handled.events)
        with pytest.raises(QueueInUse, match="end it first"):
            remove(broker_url, name)
        publish(broker_url, of_groups(1))
        eventually(lambda: len(handled.events) == 2)
    assert remove(broker_url, name) == 0


def test_what_a_dead_reader_had_in_hand_goes_too(redis_url: str) -> None:
    with queue_name(redis_url) as name, Redis.from_url(redis_url) as redis:
        Subscriber(redis_url, name, print).declare()
        publish(redis_url, of_groups(3))
        reader = client.redis_queue.RedisQueue(
            redis_url, Queue(name, EVENT_EXCHANGE, routing_key="#"), reader=new_id(), shared=False, prefetch_count=2
        )
        assert len(reader.receive(1)) == 2
        redis.delete(*redis.scan_iter(f"{name}.reader.*"))  # as if it had not been heard of for long
        assert remove(redis_url, name) == 3
        assert not list(redis.scan_iter(f"{name}*"))


def test_what_its_subscriber_parked_goes_too(broker_url: str, name: str) -> None:
    Subscriber(broker_url, name, print).declare()
    park(broker_url, name, b"{}", LookupError())
    assert remove(broker_url, name) == 1
    with Connection(broker_url) as connection, pytest.raises(ChannelError):
        connection.default_channel.queue_declare(f"{name}.parked", passive=True)


def test_what_a_relay_writes_that_looked_before_goes_too(redis_url: str) -> None:
    with queue_name(redis_url) as name, Redis.from_url(redis_url) as redis:
        Subscriber(redis_url, name, print).declare()
        late = Timer(SETTLE_SECONDS / 3, redis.lpush, [name, *["event"] * 500])
        late.start()
        assert remove(redis_url, name) == 500
        late.join()
        assert not list(redis.scan_iter(f"{name}*"))


def test_a_queue_of_plain_kombu_too(redis_url: str) -> None:
    queue = Queue(f"tests.{new_id()}", EVENT_EXCHANGE, routing_key="job.#")
    with Connection(redis_url) as connection:
        queue(connection.default_channel).declare()
    assert found(redis_url, queue.name) == [SubscriberQueue(queue.name, ["job.#"], 0)]
    assert remove(redis_url, queue.name) == 0
    assert found(redis_url, queue.name) == []


@pytest.mark.parametrize("queue", ["nobodys", *OWN_QUEUES])
def test_no_queue_of_the_service_is_taken_away(broker_url: str, queue: str) -> None:
    with pytest.raises(NoSuchQueue, match=queue):
        remove(broker_url, queue)


def test_on_rabbitmq_the_own_queue_of_a_connection_stays(rabbitmq_url: str) -> None:
    with Connection(rabbitmq_url) as connection:
        queue = Queue(f"tests.{new_id()}", exclusive=True, durable=False)(connection.default_channel)
        queue.declare()
        with pytest.raises(QueueInUse):
            remove(rabbitmq_url, queue.name)
