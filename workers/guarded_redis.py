"""kombu's Redis transport, but for how it takes and releases a message, and for what is in a list without being one.

It takes messages as redis_taking.py says. An item that is no message escapes from kombu's own event loop and takes the
worker along; here it becomes a message that nobody can decode, which the consumer meets like any other.
"""

import base64
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.redis import QoS as RedisQoS
from kombu.transport.redis import Transport as RedisTransport
from kombu.utils.json import dumps, loads
from redis import Redis

from models import names
from workers.redis_taking import Taken, take, waiting_command

UNREADABLE_TYPE = "application/x-no-kombu-message"


class _GuardedClient(Redis):
    """Reads the answer to the waiting, then takes: kombu, which believes it sent a BRPOP, gets what a BRPOP gives."""

    def __init__(self, *args: Any, take: Callable[[], Taken | None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._take = take

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        if command_name != "BRPOP":
            return super().parse_response(connection, command_name, **options)
        super().parse_response(connection, "BLMOVE", **options)
        taken = self._take()
        return taken and (taken.queue, taken.item if _is_kombu_message(taken.item) else _kombu_message_around(taken))


class _GuardedQoS(RedisQoS):
    """Lets go of a message that it cannot acknowledge: Redis delivers it again, and its outcome is in the inbox.

    kombu's own goes on counting it against the prefetch limit. Once as many as that have ended while Redis was away, it
    waits for no further message, so that it does not even notice that its connection is gone.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors:
            self._quick_ack(delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except self.channel.connection_errors:
            self._quick_ack(delivery_tag)
            raise


class _GuardedChannel(RedisChannel):
    QoS = _GuardedQoS

    def _get_client(self) -> Callable[..., Redis]:
        return partial(_GuardedClient, take=self._take)

    def _take(self) -> Taken | None:
        queues = [self._q_for_pri(queue, step) for step in self.priority_steps for queue in self.active_queues]
        with self.conn_or_acquire() as client:
            return take(client, self.unacked_key, self.unacked_index_key, queues)

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Wait at the one queue that a worker serves; what has a priority is looked for when the wait ends."""
        queues = list(self.active_queues)
        if not queues:
            return
        connection: Any = self.client.connection
        self._in_poll, self._brpop_sent_at = connection, monotonic()  # type: ignore[assignment]
        connection.send_command(*waiting_command(queues[0], timeout or self.brpop_timeout))


class GuardedRedis(RedisTransport):
    """kombu's Redis transport, for a worker that serves one queue."""

    Channel = _GuardedChannel


def _is_kombu_message(item: bytes) -> bool:
    try:
        match loads(item):
            case {
                "body": str(body),
                "headers": dict(),
                "properties": {
                    "body_encoding": "base64",
                    "delivery_tag": str(),
                    "delivery_info": {"exchange": str(), "routing_key": str()},
                },
            }:
                base64.b64decode(body)
                return True
    except Exception:  # noqa: BLE001 - whatever it is, kombu would meet it too
        return False
    return False


def _kombu_message_around(taken: Taken) -> bytes:
    properties = {
        "body_encoding": "base64",
        # Under the tag that it brought it may be noted already; under another that note would never be acknowledged.
        "delivery_tag": taken.tag or str(uuid4()),
        "delivery_info": {"exchange": "", "routing_key": names.COMMAND_QUEUE},
    }
    message = {
        "body": base64.b64encode(taken.item).decode(),
        "content-type": UNREADABLE_TYPE,
        "content-encoding": "binary",
    }
    return str(dumps(message | {"headers": {}, "properties": properties})).encode()
