"""Taking a message from Redis without a moment in which only this process has it.

kombu pops a message and then notes it as unacknowledged: a process that is killed in between takes it along, and up to
five hundred confirmed commands with it. Here one script pops and notes. A script cannot wait for a message; what waits
is a BLMOVE of the list's end onto itself, which leaves everything where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from redis import Redis

_TAKE = """
for number = 3, #KEYS do
    local item = redis.call('RPOP', KEYS[number])
    if item then
        local readable, message = pcall(cjson.decode, item)
        local properties = readable and type(message) == 'table' and message.properties
        local tag = type(properties) == 'table' and properties.delivery_tag
        local way = type(properties) == 'table' and properties.delivery_info
        if type(tag) ~= 'string' then
            return {KEYS[number], item}
        end
        if type(way) == 'table' and type(way.exchange) == 'string' and type(way.routing_key) == 'string' then
            local to = cjson.encode(way.exchange) .. ',' .. cjson.encode(way.routing_key)
            redis.call('ZADD', KEYS[2], ARGV[1], tag)
            redis.call('HSET', KEYS[1], tag, '[' .. item .. ',' .. to .. ']')
        end
        return {KEYS[number], item, tag}
    end
end
"""
"""KEYS: kombu's hash and index of unacknowledged messages, then the lists by priority. The note is spelled as kombu
spells it, so that kombu acknowledges it and gives it back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from `queue`; `tag` is the delivery tag under which it is noted, if it has one."""

    queue: bytes
    item: bytes
    tag: str | None


def waiting_command(queue: str, timeout_seconds: float) -> tuple[Any, ...]:
    """Return the Redis command that waits until there is something in `queue`, and takes nothing."""
    return "BLMOVE", queue, queue, "RIGHT", "RIGHT", timeout_seconds


def take(redis: Redis, unacked_key: str, index_key: str, queues: Sequence[str]) -> Taken | None:
    """Take the next message from the first of `queues` that has one, noted as unacknowledged since now."""
    reply: Any = redis.register_script(_TAKE)(keys=[unacked_key, index_key, *queues], args=[time()])
    if reply is None:
        return None
    queue, item, *tag = reply
    return Taken(queue, item, tag[0].decode(errors="replace") if tag else None)
