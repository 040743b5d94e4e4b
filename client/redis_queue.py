"""A subscriber's queue on Redis: the list that kombu fills, read so that nothing gets lost or out of order.

kombu's own reader pops a message before it notes it; notes it under a tag that the same event has in every other queue,
so that one subscriber's acknowledgement removes another's note; and gives back what a dead reader had minutes later, to
all queues, behind what is younger. Here a message moves in one step from the queue to a list of its reader's own. When
a reader is not heard of any longer, the next one to come first puts that list back, in order, at the front.
"""

import base64
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from kombu.entity import Queue
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from client.broker import CONNECT_TIMEOUT_SECONDS, SOCKET_TIMEOUT_SECONDS, connect
from client.event_queue import Delivery, declare

SEAT_SECONDS = 15
"""How long a reader counts as alive after its last sign of life."""
MAX_TAKEN_BYTES = 4 * 1024 * 1024
"""When one exchange with Redis stops taking more."""

_FUNCTIONS = """
local queue, me = KEYS[1], ARGV[1]
local readers = queue .. '.readers'
local function seat(reader) return queue .. '.reader.' .. reader end
local function taken(reader) return queue .. '.taken.' .. reader end
local function leave(reader)
    while redis.call('LMOVE', taken(reader), queue, 'LEFT', 'RIGHT') do end
    redis.call('SREM', readers, reader)
    redis.call('DEL', seat(reader))
end
"""
_LEAVE = _FUNCTIONS + "leave(me)"
_TAKE = (
    _FUNCTIONS
    + """
local seat_ms, shared, count, max_bytes = ARGV[2], ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
for _, reader in ipairs(redis.call('SMEMBERS', readers)) do
    if reader ~= me and not redis.call('GET', seat(reader)) then
        leave(reader)
    elseif reader ~= me and not shared then
        return false
    end
end
redis.call('SADD', readers, me)
redis.call('SET', seat(me), '1', 'PX', seat_ms)
local items, bytes = {}, 0
while #items < count and bytes < max_bytes do
    local item = redis.call('LMOVE', queue, taken(me), 'RIGHT', 'LEFT')
    if not item then
        break
    end
    items[#items + 1] = item
    bytes = bytes + #item
end
return items
"""
)
"""KEYS: the queue. ARGV: this reader, how long it counts as alive, whether it shares, how many messages and bytes to
take. Nil: another reader is in its place."""
_DELETE = (
    _FUNCTIONS
    + """
local members = redis.call('SMEMBERS', readers)
for _, reader in ipairs(members) do
    if redis.call('GET', seat(reader)) then
        return false
    end
end
for place = 2, #KEYS do
    redis.call('SREM', KEYS[place], ARGV[place])
end
local lists, count = {queue, queue .. '.parked'}, 0
for _, reader in ipairs(members) do
    lists[#lists + 1] = taken(reader)
end
for _, list in ipairs(lists) do
    count = count + redis.call('LLEN', list)
    redis.call('DEL', list)
end
redis.call('DEL', readers)
return count
"""
)
"""KEYS: the queue, and for each binding its set. ARGV: nobody, and the bindings. Nil: a reader is there."""

log = logging.getLogger(__name__)


class SeatLost(ConnectionError):  # noqa: N818 - a state, not a fault
    """This reader stood still for so long that another has taken its place, and has what it had in hand."""


def delete(redis: Redis, queue: str, bindings: Sequence[tuple[str, bytes]]) -> int | None:
    """Delete a queue, with all that its readers had taken or parked, and its `bindings`: each an entry of a set.

    Returns how many messages there were; None where a reader is there, and nothing was done.
    """
    tables, entries = [table for table, _ in bindings], [entry for _, entry in bindings]
    count: int | None = redis.register_script(_DELETE)(keys=[queue, *tables], args=[b"", *entries])
    return count


class RedisQueue:
    """Up to `prefetch_count` messages in hand. `reader` names this reader, across all its connections."""

    def __init__(self, broker_url: str, queue: Queue, *, reader: str, shared: bool, prefetch_count: int) -> None:
        with connect(broker_url) as connection:
            declare(connection, queue)
        self._redis = Redis.from_url(
            broker_url,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            # What a lost answer has taken, a second attempt would not find.
            retry=Retry(NoBackoff(), 0),
        )
        self._take, self._leave = self._redis.register_script(_TAKE), self._redis.register_script(_LEAVE)
        self._queue: str = queue.name
        self._reader = reader
        self._shared = shared
        self._prefetch_count = prefetch_count
        self._in_hand: set[bytes] = set()
        self._stands_by = False
        # What this reader had when its connection broke comes again, in its order.
        self._leave(keys=[self._queue], args=[reader])

    def receive(self, timeout_seconds: float) -> Sequence[Delivery]:
        room = max(0, self._prefetch_count - len(self._in_hand))
        items = self._take_up_to(room)
        if not items and timeout_seconds > 0:
            self._wait(timeout_seconds, seated=items is not None and room > 0)
            items = self._take_up_to(room)
        self._in_hand.update(items or ())
        return [Delivery(_body(item), item) for item in items or ()]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        with self._redis.pipeline() as pipeline:
            for delivery in deliveries:
                pipeline.lrem(self._taken, -1, delivery.receipt)
            removed = pipeline.execute() if deliveries else []
        self._in_hand.difference_update(delivery.receipt for delivery in deliveries)
        if 0 in removed:
            raise SeatLost(f"another reader has taken over what {self._reader} had taken from {self._queue}")

    def withdraw(self, unbegun: Sequence[Delivery]) -> None:
        self._prefetch_count = 0
        with self._redis.pipeline() as pipeline:
            for delivery in reversed(unbegun):  # the last to be put back is the first to be taken
                pipeline.lrem(self._taken, 1, delivery.receipt)
                pipeline.rpush(self._queue, delivery.receipt)
            pipeline.execute()
        self._in_hand.difference_update(delivery.receipt for delivery in unbegun)

    def close(self) -> None:
        try:
            self._leave(keys=[self._queue], args=[self._reader])
        finally:
            self._redis.close()

    @property
    def _taken(self) -> str:
        return f"{self._queue}.taken.{self._reader}"

    def _take_up_to(self, count: int) -> list[bytes] | None:
        """Take messages; None where this reader stands by for another."""
        arguments: list[str | int] = [self._reader, int(SEAT_SECONDS * 1000), int(self._shared), count, MAX_TAKEN_BYTES]
        items: list[bytes] | None = self._take(keys=[self._queue], args=arguments)
        if items is None and self._in_hand:
            raise SeatLost(f"another reader has taken the place of {self._reader} at {self._queue}")
        if items is None and not self._stands_by:
            log.info("another reader has %s; standing by", self._queue)
        self._stands_by = items is None
        return items

    def _wait(self, timeout_seconds: float, *, seated: bool) -> None:
        """Wait for a message without taking it: the end of the list moves onto itself."""
        if seated:
            self._redis.execute_command("BLMOVE", self._queue, self._queue, "RIGHT", "RIGHT", timeout_seconds)
        else:
            time.sleep(timeout_seconds)


def _body(item: bytes) -> bytes:
    """Return the body of a message as kombu writes it; whatever else is in the list, as it is."""
    try:
        message: Any = json.loads(item)
        return base64.b64decode(message["body"], validate=True)
    except (ValueError, LookupError, TypeError):
        return item
