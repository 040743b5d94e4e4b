"""Taking a message from Redis without a moment in which only this process has it.

kombu pops a message and then notes it as unacknowledged: a process that is killed in between takes it along, and up to
five hundred confirmed commands with it. Here one script pops and notes. A script cannot wait for a message; what waits
is a BLMOVE of the list's end onto itself, which leaves everything where it is. Both are sent at once: Redis comes to
the script when the wait has ended, so that a message that comes is in the worker's hands without another question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from time import time
from typing import Any

MAX_TAKEN_BYTES = 128 * 1024
"""When one exchange with Redis stops taking more: its reply is held in memory whole, and while it is read no child is
handed its next task."""

TAKE = """
local taken, bytes = {}, 0
for number = 3, #KEYS do
    while #taken < tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
        local item = redis.call('RPOP', KEYS[number])
        if not item then
            break
        end
        bytes = bytes + #item
        local readable, message = pcall(cjson.decode, item)
        local properties = readable and type(message) == 'table' and message.properties
        local tag = type(properties) == 'table' and properties.delivery_tag
        local way = type(properties) == 'table' and properties.delivery_info
        if type(tag) ~= 'string' then
            tag = false
        elseif type(way) == 'table' and type(way.exchange) == 'string' and type(way.routing_key) == 'string' then
            local to = cjson.encode(way.exchange) .. ',' .. cjson.encode(way.routing_key)
            redis.call('ZADD', KEYS[2], ARGV[1], tag)
            redis.call('HSET', KEYS[1], tag, '[' .. item .. ',' .. to .. ']')
        end
        taken[#taken + 1] = {KEYS[number], item, tag}
    end
end
return taken
"""
"""KEYS: kombu's hash and index of unacknowledged messages, then the lists by priority. The note is spelled as kombu
spells it, so that kombu acknowledges it and gives it back."""
_DIGEST = sha1(TAKE.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from `queue`; `tag` is the delivery tag under which it is noted, if it has one."""

    queue: bytes
    item: bytes
    tag: str | None


def waiting_command(queue: str, timeout_seconds: float) -> tuple[Any, ...]:
    """Return the Redis command that waits until there is something in `queue`, and takes nothing."""
    return "BLMOVE", queue, queue, "RIGHT", "RIGHT", timeout_seconds


def taking_command(unacked_key: str, index_key: str, queues: Sequence[str], max_count: int) -> tuple[Any, ...]:
    """Return the Redis command that takes up to `max_count` messages, those of the first of `queues` first, and notes
    them as unacknowledged since now. A Redis that does not know TAKE yet answers it with NOSCRIPT."""
    keys = (unacked_key, index_key, *queues)
    return "EVALSHA", _DIGEST, len(keys), *keys, time(), max_count, MAX_TAKEN_BYTES


def taken_in(reply: Any) -> list[Taken]:
    """Return what the reply to a taking command says was taken."""
    return [Taken(queue, item, tag and tag.decode(errors="replace")) for queue, item, tag in reply]
