"""A subscriber's queue on RabbitMQ."""

from collections.abc import Sequence

from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer

from client.broker import HEARTBEAT_SECONDS, connect
from client.event_queue import Delivery, declare

_NEXT_SECONDS = 0.001
"""How long to look for one more message that has arrived already."""


class RabbitMQQueue:
    """Up to `prefetch_count` messages in hand. RabbitMQ gives them to the next reader when the connection ends."""

    def __init__(self, broker_url: str, queue: Queue, *, prefetch_count: int) -> None:
        self._connection = connect(broker_url, heartbeat_seconds=HEARTBEAT_SECONDS)
        self._arrived: list[Delivery] = []
        declare(self._connection, queue)
        channel = self._connection.channel()
        channel.basic_qos(0, prefetch_count, False)
        self._consumer = Consumer(channel, [queue], on_message=self._take, auto_declare=False)
        self._consumer.consume()

    def receive(self, timeout_seconds: float) -> Sequence[Delivery]:
        wait = max(timeout_seconds, _NEXT_SECONDS)
        try:
            while True:
                self._connection.drain_events(timeout=wait)
                wait = _NEXT_SECONDS
        except TimeoutError:
            self._connection.heartbeat_check()
        arrived, self._arrived = self._arrived, []
        return arrived

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            delivery.receipt.ack()

    def withdraw(self, unbegun: Sequence[Delivery]) -> None:
        self._consumer.cancel()
        for delivery in (*unbegun, *self._arrived):
            delivery.receipt.requeue()
        self._arrived = []

    def close(self) -> None:
        self._connection.release()

    def _take(self, message: Message) -> None:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        self._arrived.append(Delivery(body, message))
