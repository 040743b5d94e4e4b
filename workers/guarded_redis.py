"""kombu's Redis transport, but for how it takes and releases messages, and for what is in a list without being one.

It takes messages as redis_taking.py says, several at once where several wait. An item that is no message escapes from
kombu's own event loop and takes the worker along; here it becomes a message that nobody can decode, which the consumer
meets like any other.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty
from time import monotonic
from typing import Any
from uuid import uuid4

import structlog
from kombu.asynchronous import get_event_loop
from kombu.message import Message
from kombu.transport import virtual
from kombu.transport.redis import QoS as RedisQoS
from kombu.transport.redis import Transport as RedisTransport
from kombu.utils.json import loads
from redis.exceptions import NoScriptError

from client.redis_transport import OneClientChannel
from models import names
from workers.redis_taking import TAKE, Taken, taken_in, taking_command, waiting_command

log = structlog.get_logger()

UNREADABLE_TYPE = "application/x-no-kombu-message"
MAX_TAKEN_COUNT = 100
"""At once, where there is no limit to what may be unacknowledged."""


class _GuardedQoS(RedisQoS):
    """Acknowledges in one exchange with Redis what ends together; lets go of what it cannot acknowledge.

    That Redis delivers again, and its outcome is in the inbox. kombu's own goes on counting it against the prefetch
    limit. Once as many as that have ended while Redis was away, it waits for no further message, so that it does not
    even notice that its connection is gone.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ended: list[str] = []

    def append(self, message: Message, delivery_tag: str) -> None:
        if delivery_tag in self.channel.noted:
            self.channel.noted.discard(delivery_tag)
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        self._quick_ack(delivery_tag)
        self._ended.append(delivery_tag)
        loop = get_event_loop()
        if loop is None:
            self._acknowledge()
        elif len(self._ended) == 1:
            loop.call_soon(self._acknowledge_or_let_go)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except self.channel.connection_errors:
            self._quick_ack(delivery_tag)
            raise

    def restore_unacked_once(self, *args: Any, **options: Any) -> None:
        self._acknowledge_or_let_go()
        super().restore_unacked_once(*args, **options)

    def _acknowledge_or_let_go(self) -> None:
        try:
            self._acknowledge()
        except self.channel.connection_errors as error:
            log.warning("not_acknowledged", error=repr(error))

    def _acknowledge(self) -> None:
        tags, self._ended = self._ended, []
        if tags:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *tags).hdel(self.unacked_key, *tags).execute()


class _GuardedChannel(OneClientChannel):
    QoS = _GuardedQoS

    def __init__(self, *args: Any, **options: Any) -> None:
        self.noted: set[str] = set()
        """Tags of messages that Redis has among the unacknowledged, and this process not yet."""
        super().__init__(*args, **options)

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Wait at the one queue that a worker serves, and take what is there then, what has a priority first."""
        queues = list(self.active_queues)
        if not queues:
            return
        connection: Any = self.client.connection
        self._in_poll, self._brpop_sent_at = connection, monotonic()  # type: ignore[assignment]
        wait = waiting_command(queues[0], timeout or self.brpop_timeout)
        connection.send_packed_command(connection.pack_commands([wait, self._taking_command(queues)]))

    def _brpop_read(self, **options: Any) -> bool:
        connection: Any = self.client.connection
        try:
            self.client.parse_response(connection, "BLMOVE", **options)
            taken = taken_in(self.client.parse_response(connection, "EVALSHA"))
        except NoScriptError:
            self.own_client.script_load(TAKE)
            raise Empty from None
        except Exception:  # whatever it is, the next answer would be taken for another question's
            connection.disconnect()
            raise
        finally:
            self._in_poll = None  # type: ignore[assignment]
            self._flush_brpop_reauth()
        if not taken:
            raise Empty
        for each in taken:
            self._deliver(each)
        return True

    def _taking_command(self, queues: Sequence[str]) -> tuple[Any, ...]:
        lists = [self._q_for_pri(queue, step) for step in self.priority_steps for queue in queues]
        room = self.qos.can_consume_max_estimate()
        count = MAX_TAKEN_COUNT if room is None else max(1, room)
        return taking_command(self.unacked_key, self.unacked_index_key, lists, count)

    def _deliver(self, taken: Taken) -> None:
        message = _message_in(taken.item)
        if message is None:
            message = _message_around(taken)
        else:
            self.noted.add(message["properties"]["delivery_tag"])
        self.connection._deliver(message, taken.queue.decode().rsplit(self.sep, 1)[0])


class GuardedRedis(RedisTransport):
    """kombu's Redis transport, for a worker that serves one queue."""

    Channel = _GuardedChannel


def _message_in(item: bytes) -> dict[str, Any] | None:
    with suppress(Exception):  # whatever it is, kombu would meet it too
        message: dict[str, Any] = loads(item)
        match message:
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
                return message
    return None


def _message_around(taken: Taken) -> dict[str, Any]:
    properties = {
        "body_encoding": "base64",
        # Under the tag that it brought it may be noted already; under another that note would never be acknowledged.
        "delivery_tag": taken.tag or str(uuid4()),
        "delivery_info": {"exchange": "", "routing_key": names.COMMAND_QUEUE},
    }
    return {
        "body": base64.b64encode(taken.item).decode(),
        "content-type": UNREADABLE_TYPE,
        "content-encoding": "binary",
        "headers": {},
        "properties": properties,
    }
