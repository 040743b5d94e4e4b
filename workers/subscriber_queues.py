"""The queues of subscribers: on Redis how much waits in each, on both brokers how one is taken away.

A queue whose subscriber will not come back is filled for ever. RabbitMQ tells of its queues itself; on Redis, where
they are lists in memory, nobody else does.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import NotFound, ResourceLocked
from kombu.transport.redis import Channel
from redis import Redis

from client.broker import CONNECT_TIMEOUT_SECONDS, EVENT_EXCHANGE, SOCKET_TIMEOUT_SECONDS, connect, is_redis
from client.redis_queue import delete
from models import names

OWN_QUEUES = (names.COMMAND_QUEUE, names.INTAKE, names.DEAD_LETTER_QUEUE)
"""Those of the service, which are no subscribers'."""
SETTLE_SECONDS = 1.0
"""How long a relay may take to write a batch to the queues that were bound when it began."""

_TABLES = (
    Channel.keyprefix_queue % EVENT_EXCHANGE.name,
    Channel.keyprefix_binding_permanent % EVENT_EXCHANGE.name,
)
"""Where kombu keeps by which patterns which queues are bound to the events; and the bindings that do not expire."""


class NoSuchQueue(Exception):  # noqa: N818 - a state
    """Nobody has declared the queue, or it is none of a subscriber."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"there is no subscriber's queue {queue}")


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


def redis_of(broker_url: str, *, timeout_seconds: float = SOCKET_TIMEOUT_SECONDS) -> Redis:
    """Return a client of a broker that is a Redis; every wait is bounded."""
    return Redis.from_url(
        broker_url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, CONNECT_TIMEOUT_SECONDS),
    )


def subscriber_queues(redis: Redis) -> list[SubscriberQueue]:
    """Return the queues that are bound to the events, the longest first."""
    patterns = {queue: sorted(entries) for queue, entries in _bindings(redis).items()}
    with redis.pipeline(transaction=False) as pipeline:
        for queue in patterns:
            pipeline.llen(queue)
        lengths = pipeline.execute()
    queues = [SubscriberQueue(*each, length) for each, length in zip(patterns.items(), lengths, strict=True)]
    return sorted(queues, key=lambda queue: (-queue.waiting_count, queue.name))


def remove(broker_url: str, queue: str) -> int:
    """Delete `queue`, its bindings, the events in it and those that its subscriber parked; return how many those were.

    On RabbitMQ, which does not tell what a queue is bound to, any queue of this name that is not the service's own.
    Raises NoSuchQueue, QueueInUse, or one of `client.broker.broker_errors`.
    """
    if queue in OWN_QUEUES:
        raise NoSuchQueue(queue)
    return (_remove_from_redis if is_redis(broker_url) else _remove_from_rabbitmq)(broker_url, queue)


def _remove_from_redis(broker_url: str, queue: str) -> int:
    with redis_of(broker_url) as redis:
        entries = _bindings(redis).get(queue)
        if entries is None:
            raise NoSuchQueue(queue)
        bindings = [(table, entry) for table in _TABLES for entry in entries.values()]
        if (count := delete(redis, queue, bindings)) is None:
            raise QueueInUse(queue)
        # A relay that had looked the bindings up before writes its batch still: to a list that nobody would find again.
        time.sleep(SETTLE_SECONDS)
        if queue not in _bindings(redis):
            count += delete(redis, queue, []) or 0
        return count


def _remove_from_rabbitmq(broker_url: str, queue: str) -> int:
    """Quorum queues know no `if_unused`: whoever begins to read between look and deletion is sent away by RabbitMQ."""
    parked = f"{queue}.parked"
    with connect(broker_url) as connection:
        try:
            if connection.channel().queue_declare(queue, passive=True).consumer_count:
                raise QueueInUse(queue)
        except NotFound:
            raise NoSuchQueue(queue) from None
        except ResourceLocked:  # another connection's own
            raise QueueInUse(queue) from None
        channel = connection.channel()
        count: int = channel.queue_delete(queue) + channel.queue_delete(parked)
        channel.exchange_delete(parked)
        return count


def _bindings(redis: Any) -> dict[str, dict[str, bytes]]:
    """Return the entries of kombu's table, by queue and pattern."""
    bindings: dict[str, dict[str, bytes]] = defaultdict(dict)
    for entry in redis.smembers(_TABLES[0]):
        pattern, _, queue = entry.decode().split(Channel.sep)
        bindings[queue][pattern] = entry
    return bindings
