"""The queues of subscribers: on Redis how much waits in each, on both brokers how one is taken away.

A queue whose subscriber will not come back is filled for ever. RabbitMQ tells of its queues itself; on Redis, where
they are lists in memory, nobody else does.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import NotFound
from kombu.transport.redis import Channel
from redis import Redis

from client.broker import CONNECT_TIMEOUT_SECONDS, EVENT_EXCHANGE, SOCKET_TIMEOUT_SECONDS, connect, is_redis
from client.redis_queue import is_read, lists_of, readers_key
from workers.queue_publisher import NoSuchQueue

_TABLES = (
    Channel.keyprefix_queue % EVENT_EXCHANGE.name,
    Channel.keyprefix_binding_permanent % EVENT_EXCHANGE.name,
)
"""Where kombu keeps by which patterns which queues are bound to the events; and the bindings that do not expire."""


class QueueInUse(Exception):  # noqa: N818 - a state
    """A subscriber reads the queue."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"a subscriber reads {queue}: end it first")


@dataclass(frozen=True, slots=True)
class SubscriberQueue:
    """A queue that is bound to the events whose names match `patterns`."""

    name: str
    patterns: Sequence[str]
    waiting_count: int


@contextmanager
def redis_of(broker_url: str) -> Iterator[Redis]:
    """Give a connection to a broker that is a Redis; every wait is bounded."""
    with Redis.from_url(
        broker_url, socket_timeout=SOCKET_TIMEOUT_SECONDS, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS
    ) as redis:
        yield redis


def subscriber_queues(redis: Redis) -> list[SubscriberQueue]:
    """Return the queues that are bound to the events, the longest first."""
    patterns = {queue: sorted(bindings) for queue, bindings in _bindings(redis).items()}
    with redis.pipeline(transaction=False) as pipeline:
        for queue in patterns:
            pipeline.llen(queue)
        lengths = pipeline.execute()
    queues = [SubscriberQueue(*each, length) for each, length in zip(patterns.items(), lengths, strict=True)]
    return sorted(queues, key=lambda queue: (-queue.waiting_count, queue.name))


def remove(broker_url: str, queue: str) -> int:
    """Delete `queue`, its bindings and the events in it, and return how many those were.

    Raises NoSuchQueue, QueueInUse, or one of `client.broker.broker_errors`.
    """
    return (_remove_from_redis if is_redis(broker_url) else _remove_from_rabbitmq)(broker_url, queue)


def _remove_from_redis(broker_url: str, queue: str) -> int:
    with redis_of(broker_url) as redis:
        bindings = _bindings(redis).get(queue)
        if bindings is None:
            raise NoSuchQueue(queue)
        if is_read(redis, queue):
            raise QueueInUse(queue)
        lists = lists_of(redis, queue)
        with redis.pipeline() as pipeline:
            for list_ in lists:
                pipeline.llen(list_)
            for table in _TABLES:
                pipeline.srem(table, *bindings.values())
            pipeline.delete(*lists, readers_key(queue))
            return sum(pipeline.execute()[: len(lists)])


def _remove_from_rabbitmq(broker_url: str, queue: str) -> int:
    with connect(broker_url) as connection:
        channel = connection.channel()
        try:
            told = channel.queue_declare(queue, passive=True)
        except NotFound:
            raise NoSuchQueue(queue) from None
        if told.consumer_count:  # quorum queues know no `if_unused`
            raise QueueInUse(queue)
        count: int = channel.queue_delete(queue)
        return count


def _bindings(redis: Any) -> dict[str, dict[str, bytes]]:
    """Return the entries of kombu's table, by queue and pattern."""
    bindings: dict[str, dict[str, bytes]] = defaultdict(dict)
    for entry in redis.smembers(_TABLES[0]):
        pattern, _, queue = entry.decode().split(Channel.sep)
        bindings[queue][pattern] = entry
    return bindings
