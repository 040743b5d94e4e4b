"""kombu's Redis transport, but for a batch: it asks for the bindings once, and goes in as a whole or not at all.

kombu asks Redis at every message which queues are bound, writes the message out anew for each of them, and sends a
batch as single commands: where one fails for want of memory and the next goes through, a queue is left with a hole.
"""

from collections import defaultdict
from typing import Any

import orjson
from kombu.transport.redis import Transport as RedisTransport

from client.redis_transport import OneClientChannel


class _Batch:
    """The messages of one batch, by the list that they go to. In JSON, as kombu reads them; kombu's own way of writing
    that takes a quarter of the time that a message takes."""

    def __init__(self, channel: "_Channel") -> None:
        self.channel = channel
        self.bindings: dict[str, Any] = {}
        self._lists: defaultdict[str, list[bytes]] = defaultdict(list)

    def publish(self, message: dict[str, Any], **options: Any) -> None:
        """Hold `message` back for every list that it belongs in."""
        lists: list[str] = []
        self.channel.basic_publish(message, _lists=lists, **options)  # completes the message
        written = orjson.dumps(message)
        for key in lists:
            self._lists[key].append(written)

    def flush(self) -> None:
        """Write all lists in one transaction."""
        with self.channel.conn_or_acquire() as redis, redis.pipeline(transaction=True) as pipeline:
            for key, messages in self._lists.items():
                pipeline.lpush(key, *messages)
            pipeline.execute()

    def discard(self) -> None:
        """Nothing was sent."""

    def close(self) -> None:
        """Let the next batch ask for the bindings again."""
        self.channel.batch = None


class _Channel(OneClientChannel):
    batch: _Batch | None = None

    def create_publish_batch(self, max_size: int) -> _Batch:  # noqa: ARG002 - it would tear the batch into parts
        """Begin a batch."""
        self.batch = _Batch(self)
        return self.batch

    def get_table(self, exchange: str) -> Any:
        if self.batch is None:
            return super().get_table(exchange)
        if exchange not in self.batch.bindings:
            self.batch.bindings[exchange] = super().get_table(exchange)
        return self.batch.bindings[exchange]

    def _put(self, queue: str, message: Any, _lists: list[str] | None = None, **options: Any) -> None:
        if _lists is None:
            super()._put(queue, message, **options)
        else:
            _lists.append(self._q_for_pri(queue, self._get_message_priority(message, reverse=False)))


class BatchedRedis(RedisTransport):
    """kombu's Redis transport, with batches that are cheap and whole."""

    Channel = _Channel
