"""The broker's topology and the limits on every wait for it, the same for Redis and RabbitMQ."""

from typing import Any

from amqp.exceptions import MessageNacked
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError as BrokerError
from kombu.transport.base import Transport
from redis import RedisError

from models import names

CONNECT_TIMEOUT_SECONDS = 4
SOCKET_TIMEOUT_SECONDS = 10
HEARTBEAT_SECONDS = 10
"""RabbitMQ and whoever reads from it tell each other so often that they live; two in a row that are missed end the
connection, and give what was unacknowledged on it to another."""

DELIVERY_LIMIT_COUNT = 10_000
"""When RabbitMQ gives a message up. An outage of the database uses up a delivery every 12 seconds, so that this lasts
for 33 hours; a command that kills its worker is given up much earlier, by its attempts."""

EVENT_EXCHANGE = Exchange(names.EVENT_EXCHANGE, type="topic", durable=True)
DEAD_LETTER_QUEUE = Queue(
    names.DEAD_LETTER_QUEUE,
    Exchange(names.DEAD_LETTER_EXCHANGE, type="fanout", durable=True),
    queue_arguments={"x-queue-type": "quorum"},
)

_DURABLE = {
    "x-queue-type": "quorum",
    "x-delivery-limit": DELIVERY_LIMIT_COUNT,
    "x-dead-letter-exchange": names.DEAD_LETTER_EXCHANGE,
}
COMMAND_QUEUE = Queue(
    names.COMMAND_QUEUE,
    Exchange(names.COMMAND_QUEUE, type="direct", durable=True),
    routing_key=names.COMMAND_QUEUE,
    queue_arguments=_DURABLE,
)
INTAKE_QUEUE = Queue(
    names.INTAKE,
    Exchange(names.INTAKE, type="direct", durable=True),
    routing_key=names.INTAKE,
    queue_arguments=_DURABLE,
)


def is_redis(broker_url: str) -> bool:
    """Return whether the broker at `broker_url` is a Redis, which has streams where RabbitMQ has queues."""
    return broker_url.startswith("redis")


def connect(broker_url: str, *, heartbeat_seconds: int = 0, transport: type[Transport] | None = None) -> Connection:
    """Return a kombu connection (not yet open) whose every wait is bounded.

    One that only reads learns nothing of a network that swallows everything, but for the heartbeats that it asks for.
    Whoever asks calls `heartbeat_check` when nothing came: it raises one of `broker_errors` after two were missed.
    """
    return Connection(
        broker_url,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        heartbeat=heartbeat_seconds,
        transport=transport,
        transport_options=transport_options(broker_url),
    )


def broker_errors(broker_url: str) -> tuple[type[Exception], ...]:
    """Return what kombu and its drivers raise when the broker at `broker_url` is away: the same again, later."""
    transport = connect(broker_url)
    # What RabbitMQ refuses while a queue is full or has no leader: amqp does not count it among its channels' errors.
    return (BrokerError, MessageNacked, RedisError, OSError, *transport.connection_errors, *transport.channel_errors)


def transport_options(broker_url: str) -> dict[str, Any]:
    """Return kombu's options for the transport of `broker_url`."""
    if is_redis(broker_url):
        return {
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "socket_timeout": SOCKET_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            "health_check_interval": 15,
        }
    return {
        "confirm_publish": True,
        "read_timeout": SOCKET_TIMEOUT_SECONDS,
        "write_timeout": SOCKET_TIMEOUT_SECONDS,
        "max_retries": 3,
    }


def celery_settings(broker_url: str) -> dict[str, Any]:
    """Return what every Celery app that sends or receives commands must agree on."""
    return {
        "broker_url": broker_url,
        "broker_transport_options": transport_options(broker_url),
        "broker_connection_timeout": CONNECT_TIMEOUT_SECONDS,
        # A process that only sends has no loop that would answer heartbeats.
        "broker_heartbeat": 0,
        "task_default_queue": names.COMMAND_QUEUE,
        "task_queues": [COMMAND_QUEUE],
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_publish_retry_policy": {
            "max_retries": 2,
            "interval_start": 0.1,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
    }
