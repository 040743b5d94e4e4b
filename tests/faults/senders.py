"""The three ways in, as senders that believe nothing but the broker's confirmation."""

from collections.abc import Sequence
from typing import Protocol

from celery import Celery
from kombu import Connection, Producer
from redis import Redis

from client.broker import (
    CONNECT_TIMEOUT_SECONDS,
    INTAKE_QUEUE,
    SOCKET_TIMEOUT_SECONDS,
    broker_errors,
    celery_settings,
    connect,
    is_redis,
)
from client.producer import BrokerUnavailable, CommandProducer
from models import names
from models.commands import CommandEnvelope
from tests.commands import document

CONFIRM_SECONDS = 20.0


class Sender(Protocol):
    """Sends commands; returns when the broker has confirmed all of them, and raises when it did not."""

    def send(self, commands: Sequence[CommandEnvelope]) -> None: ...

    def close(self) -> None: ...


class BatchSender:
    """Our own producer: many commands in one message."""

    def __init__(self, broker_url: str) -> None:
        self._producer = CommandProducer(broker_url)

    def send(self, commands: Sequence[CommandEnvelope]) -> None:
        for confirmed in [self._producer.send(command) for command in commands]:
            confirmed.result(CONFIRM_SECONDS)

    def close(self) -> None:
        self._producer.close()


class TaskSender:
    """A Celery client: a task for each command."""

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("load", set_as_current=False)
        self._celery.conf.update(celery_settings(broker_url))
        self._connection: Connection | None = None

    def send(self, commands: Sequence[CommandEnvelope]) -> None:
        try:
            for command in commands:
                self._celery.send_task(
                    command.type,
                    kwargs=command.data,
                    task_id=command.id,
                    mandatory=True,
                    confirm_timeout=CONFIRM_SECONDS,
                    connection=self._open(),
                )
        except Exception:
            self._let_go()
            raise

    def close(self) -> None:
        self._let_go()
        self._celery.close()

    def _open(self) -> Connection:
        # Of its own: Celery's pool is one for all clients of a process, has ten, and waits for one without end.
        if self._connection is None:
            self._connection = self._celery.connection_for_write()
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.release()
        self._connection = None


class QueueSender:
    """A producer in another language, on RabbitMQ: plain JSON to the intake's queue."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._connection: Connection | None = None

    def send(self, commands: Sequence[CommandEnvelope]) -> None:
        try:
            producer = self._open()
            for command in commands:
                producer.publish(
                    document(command),
                    routing_key=names.INTAKE,
                    content_type="application/json",
                    content_encoding="utf-8",
                    mandatory=True,
                    confirm_timeout=CONFIRM_SECONDS,
                )
        except Exception:
            self.close()
            raise

    def _open(self) -> Producer:
        if self._connection is None:
            self._connection = connect(self._broker_url)
            INTAKE_QUEUE(self._connection.default_channel).declare()
        return Producer(self._connection.default_channel, exchange=INTAKE_QUEUE.exchange)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.release()
        self._connection = None


class StreamSender:
    """A producer in another language, on Redis: plain JSON to the intake's stream."""

    def __init__(self, broker_url: str) -> None:
        self._redis = Redis.from_url(
            broker_url, socket_timeout=SOCKET_TIMEOUT_SECONDS, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS
        )

    def send(self, commands: Sequence[CommandEnvelope]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.xadd(names.INTAKE, {"command": document(command)})
            pipeline.execute()

    def close(self) -> None:
        self._redis.close()


def senders(broker_url: str) -> dict[str, Sender]:
    """Return a sender for each channel of a plan."""
    intake = StreamSender(broker_url) if is_redis(broker_url) else QueueSender(broker_url)
    return {"batch": BatchSender(broker_url), "task": TaskSender(broker_url), "intake": intake}


def sending_errors(broker_url: str) -> tuple[type[Exception], ...]:
    """Return what a sender raises while the broker is away: the same again, later."""
    return (BrokerUnavailable, *broker_errors(broker_url))
