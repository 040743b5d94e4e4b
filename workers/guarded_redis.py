"""kombu's Redis transport, but for what is in a list without being a message.

kombu's own lets such an item escape from its event loop and take the worker along. Here it becomes a message that
nobody can decode, which the consumer meets like any other.
"""

import base64
from typing import Any
from uuid import uuid4

from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.redis import Transport as RedisTransport
from kombu.utils.json import dumps, loads
from redis import Redis

from models import names

UNREADABLE_TYPE = "application/x-no-kombu-message"


class _GuardedClient(Redis):
    """Wraps what is no kombu message into one, so that the consumer meets it like any other it cannot decode."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        reply = super().parse_response(connection, command_name, **options)
        if command_name == "BRPOP" and reply:
            queue, item = reply
            return queue, item if _is_kombu_message(item) else _kombu_message_around(item)
        return reply


class _GuardedChannel(RedisChannel):
    def _get_client(self) -> type[Redis]:
        return _GuardedClient


class GuardedRedis(RedisTransport):
    """kombu's Redis transport, whose own takes the worker along when a list holds anything but kombu's messages."""

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


def _kombu_message_around(item: bytes) -> bytes:
    properties = {
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
        "delivery_info": {"exchange": "", "routing_key": names.COMMAND_QUEUE},
    }
    message = {"body": base64.b64encode(item).decode(), "content-type": UNREADABLE_TYPE, "content-encoding": "binary"}
    return str(dumps(message | {"headers": {}, "properties": properties})).encode()
