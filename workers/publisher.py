"""Putting events on the broker."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import orjson
from kombu.messaging import Producer
from kombu.transport.base import Transport
from redis import Redis
from sqlalchemy import RowMapping

from client.broker import CONNECT_TIMEOUT_SECONDS, EVENT_EXCHANGE, SOCKET_TIMEOUT_SECONDS, connect, is_redis
from models import names
from models.store.outbox import cloud_event_of
from workers.batched_rabbitmq import BatchedRabbitMQ, BatchedRabbitMQOverTls
from workers.batched_redis import BatchedRedis
from workers.event_spans import Event, publishing

CONTENT_TYPE = "application/cloudevents+json"
_TRANSPORTS: dict[str, type[Transport]] = {
    "redis": BatchedRedis,
    "rediss": BatchedRedis,
    "amqp": BatchedRabbitMQ,
    "amqps": BatchedRabbitMQOverTls,
}


def transport_of(broker_url: str) -> type[Transport]:
    """Return kombu's transport for the broker at `broker_url`, with batches that it confirms as a whole."""
    return _TRANSPORTS[broker_url.partition("://")[0]]


def message_of(event: Event) -> dict[str, Any]:
    """Return the message that carries `event`, as a kombu producer takes it."""
    return {
        "body": orjson.dumps(cloud_event_of(event)),
        "content_type": CONTENT_TYPE,
        "content_encoding": "binary",  # else a subscriber would get text from RabbitMQ and bytes from Redis
        "message_id": str(event["id"]),
        "type": names.event_type(event["name"]),
    }


class EventPublisher:
    """Publishes events to the topic exchange, routing key = name; on Redis to the stream for other languages as well.

    A context manager. Its errors are those of the broker: `recoverable_errors`.
    """

    def __init__(self, broker_url: str, *, stream_max_count: int) -> None:
        self._broker_url = broker_url
        self._connection = connect(broker_url, transport=transport_of(broker_url))
        self._stream_max_count = stream_max_count
        self._redis = _redis(broker_url) if is_redis(broker_url) else None

    def __enter__(self) -> Self:
        self._producer = Producer(self._connection.channel(), exchange=EVENT_EXCHANGE)
        self._producer.declare()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._connection.release()
        if self._redis:
            self._redis.close()

    def publish(self, events: Sequence[RowMapping]) -> None:
        """Publish `events` in their order. Returns when the broker has confirmed all of them.

        Where it raises, some may be with their subscribers: all are to be published again.
        """
        with publishing(events, self._broker_url) as traced:
            messages = [message_of(event) for event in traced]
            with self._producer.batch():
                for event, message in zip(events, messages, strict=True):
                    self._producer.publish(**message, routing_key=event["name"])
            if self._redis:
                self._append_to_stream(self._redis, [message["body"] for message in messages])

    def _append_to_stream(self, redis: Redis, documents: Sequence[bytes]) -> None:
        with redis.pipeline(transaction=True) as pipeline:
            for document in documents:
                pipeline.xadd(names.EVENT_STREAM, {"event": document}, maxlen=self._stream_max_count, approximate=True)
            pipeline.execute()


def _redis(broker_url: str) -> Redis:
    return Redis.from_url(
        broker_url, socket_timeout=SOCKET_TIMEOUT_SECONDS, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS
    )
