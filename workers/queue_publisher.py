"""Publishing events again, to one queue."""

from collections.abc import Sequence
from typing import Self

from amqp.exceptions import NotFound
from kombu.exceptions import InconsistencyError
from kombu.messaging import Producer
from sqlalchemy import RowMapping

from client.broker import EVENT_EXCHANGE, broker_errors, connect, is_redis
from workers.publisher import message_of, transport_of
from workers.subscriber_queues import NoSuchQueue


class QueuePublisher:
    """Publishes events to `queue` through the default exchange: to nobody else, whatever is bound. A context manager.

    Entering raises NoSuchQueue, or one of `errors`.
    """

    published_count = 0
    """How many events the broker has confirmed."""
    position: int | None = None
    """That of the last of them."""

    def __init__(self, broker_url: str, queue: str) -> None:
        self.errors = broker_errors(broker_url)
        """What publishing may raise where the broker is away."""
        self._connection = connect(broker_url, transport=transport_of(broker_url))
        self._on_redis = is_redis(broker_url)
        self._queue = queue

    def __enter__(self) -> Self:
        try:
            self._refuse_unless_declared()
            self._producer = Producer(self._connection.channel(), auto_declare=False)
        except BaseException:
            self._connection.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.release()

    def publish(self, events: Sequence[RowMapping]) -> None:
        """Publish `events` in their order. Returns when the broker has confirmed all of them.

        Where it raises, some may have arrived: all are to be published again.
        """
        with self._producer.batch():
            for event in events:
                self._producer.publish(**message_of(event), exchange="", routing_key=self._queue)
        if events:
            self.published_count, self.position = self.published_count + len(events), events[-1]["position"]

    def _refuse_unless_declared(self) -> None:
        """What is sent to a queue that is not there would be dropped, or lie where nobody reads it."""
        channel = self._connection.channel()
        try:
            if self._on_redis:
                # kombu's queues are lists, which are not there while they are empty: a binding is what lasts.
                known = {queue for _, _, queue in channel.get_table(EVENT_EXCHANGE.name)}
                if self._queue not in known:
                    raise NoSuchQueue(self._queue)
            else:
                channel.queue_declare(self._queue, passive=True)
        except (NotFound, InconsistencyError):
            raise NoSuchQueue(self._queue) from None
