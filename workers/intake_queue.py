"""The intake on RabbitMQ: a queue of documents, and the queue of what the broker gave up."""

from collections.abc import Sequence

from kombu.message import Message
from kombu.messaging import Consumer

from client.broker import DEAD_LETTER_QUEUE, HEARTBEAT_SECONDS, INTAKE_QUEUE, connect
from models import names
from models.dead_letter import DeadLetter, DeadLetterReason
from workers.intake_source import BATCH_COUNT, WAIT_SECONDS, Received

_NEXT_SECONDS = 0.001
"""How long to look for one more message that has arrived already."""


class QueueSource:
    """Message bodies are documents, whatever content type they claim."""

    def __init__(self, broker_url: str) -> None:
        self._connection = connect(broker_url, heartbeat_seconds=HEARTBEAT_SECONDS)
        self._arrived: list[Received] = []
        channel = self._connection.channel()
        channel.basic_qos(0, BATCH_COUNT, False)
        self._consumer = Consumer(channel, [INTAKE_QUEUE, DEAD_LETTER_QUEUE], on_message=self._take)
        self._consumer.consume()

    def receive(self) -> Sequence[Received]:
        wait = WAIT_SECONDS
        while len(self._arrived) < BATCH_COUNT:
            try:
                self._connection.drain_events(timeout=wait)
            except TimeoutError:
                self._connection.heartbeat_check()
                break
            wait = _NEXT_SECONDS
        arrived, self._arrived = self._arrived, []
        return arrived

    def acknowledge(self, messages: Sequence[Received]) -> None:
        for message in messages:
            message.receipt.ack()

    def close(self) -> None:
        self._connection.release()

    def _take(self, message: Message) -> None:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        given_up = message.delivery_info.get("exchange") == names.DEAD_LETTER_EXCHANGE
        self._arrived.append(Received(body, message, _letter(message, body) if given_up else None))


def _letter(message: Message, body: bytes) -> DeadLetter:
    deaths = message.headers.get("x-death") or [{}]
    source = str(deaths[0].get("queue", names.DEAD_LETTER_QUEUE))
    detail = f"RabbitMQ gave it up: {deaths[0].get('reason', 'unknown reason')}"
    return DeadLetter(DeadLetterReason.DELIVERY_LIMIT, detail, source, body, headers=message.headers)
