"""What still lies with the broker: messages that were confirmed and are not yet done with."""

from typing import Any

from kombu import Connection
from redis import Redis

from client.broker import COMMAND_QUEUE, INTAKE_QUEUE, broker_errors, is_redis
from models import names

UNACKNOWLEDGED = f"{names.COMMAND_QUEUE}.unacknowledged"
"""Where kombu keeps, on Redis, what a worker has taken and not acknowledged."""


def left_over(broker_url: str) -> dict[str, int]:
    """Return how many messages wait in which place; empty at rest.

    RabbitMQ tells of the waiting ones only: one in the hands of a live worker is seen again should it come back.
    """
    try:
        found = _on_redis(broker_url) if is_redis(broker_url) else _on_rabbitmq(broker_url)
    except broker_errors(broker_url):
        return {"unknown, the broker does not answer": 1}
    return {place: count for place, count in found.items() if count}


def _on_redis(broker_url: str) -> dict[str, int]:
    with Redis.from_url(broker_url, socket_timeout=10, socket_connect_timeout=4) as redis:
        lengths: list[Any] = [redis.llen(names.COMMAND_QUEUE), redis.hlen(UNACKNOWLEDGED), redis.xlen(names.INTAKE)]
    return dict(zip((names.COMMAND_QUEUE, UNACKNOWLEDGED, names.INTAKE), lengths, strict=True))


def _on_rabbitmq(broker_url: str) -> dict[str, int]:
    with Connection(broker_url) as connection:
        declared = [
            queue(connection.default_channel).queue_declare(passive=True) for queue in (COMMAND_QUEUE, INTAKE_QUEUE)
        ]
    return dict(zip((names.COMMAND_QUEUE, names.INTAKE), [each.message_count for each in declared], strict=True))
