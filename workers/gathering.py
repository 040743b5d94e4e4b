"""Commands that wait together are carried out together, and those on one group by one pool child.

A transaction of its own costs a command several times its work. So there is a lane for each child, and every group has
its lane. While a lane's child is busy, commands gather in it, and go as one task when it is free: an idle worker adds
no wait, a busy one fills its transactions. Two children never wait for the lock of the same group. What makes a group
that nobody can name yet goes where others are, until that lane is full: a transaction of twenty commands costs a third
of what ten of two do.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4
from zlib import crc32

from celery.worker import state
from celery.worker.consumer import Consumer
from kombu.message import Message

from models import names
from models.commands import COMMANDS, MAX_BATCH_COUNT
from models.dead_letter_contents import items_of_task
from workers.metrics.pool import GATHERED

MAX_GATHERED_BYTES = 256 * 1024
"""What a task's time limit is certainly enough for, a thousand times over."""
FULL_BYTES = 32 * 1024
"""Of commands that are under way or wait in a lane: some forty creations, a few milliseconds of work. What need not go
there goes elsewhere."""
SLOW_SECONDS = 0.1
"""What is under way for longer, waits for a lock or has a large group to work through: the same holds."""
COSTLY = frozenset({names.JOB_GROUP_CANCEL, names.JOB_GROUP_RETRY})
"""Their cost is their group's size, which no message tells."""

Strategy = Callable[..., Any]
"""Celery's: takes a message, its body if that is decoded, how to acknowledge and how to reject it, and callbacks."""


class _Delivery:
    """A message whose commands may be in several lanes: it is acknowledged when all of them have ended, or goes back
    whole when one lane could not carry out its part."""

    def __init__(self, message: Message, ack: Callable[..., Any], reject: Callable[..., Any]) -> None:
        self._ack, self._reject = ack, reject
        self._rejected_with: tuple[Any, ...] | None = None
        self._parts_under_way = 0
        headers = message.headers
        has_result = headers["task"] != names.HANDLE_BATCH and not headers.get("ignore_result")
        self.asker: str | None = headers["id"] if has_result else None
        """The task id under which a Celery client looks for the result; nobody looks for a batch's."""

    def split(self, items: Sequence[Any], size_bytes: int, lanes: Sequence["_Lane"]) -> dict["_Lane", "_Part"]:
        """Return the part of each lane that has one."""
        parts: dict[_Lane, _Part] = {}
        anywhere = _lane_with_room(lanes)
        for item in items:
            group_id = _group_of(item)
            lane = anywhere if group_id is None else lanes[crc32(group_id.encode(errors="replace")) % len(lanes)]
            parts.setdefault(lane, _Part(self)).items.append(item)
        for part in parts.values():
            part.size_bytes = size_bytes * len(part.items) // len(items)
        self._parts_under_way = len(parts)
        return parts

    def part_ended(self, log: Any, errors: Any, rejected_with: tuple[Any, ...] | None = None) -> None:
        self._parts_under_way -= 1
        self._rejected_with = self._rejected_with or rejected_with
        if self._parts_under_way == 0:
            if self._rejected_with:
                self._reject(log, errors, *self._rejected_with)
            else:
                self._ack(log, errors)


@dataclass(slots=True)
class _Part:
    """What of a delivery is in one lane."""

    delivery: _Delivery
    items: list[Any] = field(default_factory=list)
    size_bytes: int = 0


class _GatheredMessage:
    """What Celery takes for one message, already decoded."""

    content_type = content_encoding = None

    def __init__(self, parts: Sequence[_Part], ended: Callable[[], None]) -> None:
        self._parts, self._ended = parts, ended
        commands = [item for part in parts for item in part.items]
        askers = [part.delivery.asker for part in parts if part.delivery.asker]
        about = f"<{len(commands)} commands>"
        self.headers = {"id": str(uuid4()), "task": names.HANDLE_GATHERED, "kwargsrepr": about}
        self.body: Any = [], {"commands": commands, "askers": askers}, None
        self.payload: Any = self.body
        self.properties: dict[str, Any] = {}
        self.delivery_info: dict[str, Any] = {}

    def ack(self, log: Any, errors: Any) -> None:
        self._end(log, errors)

    def reject(self, log: Any, errors: Any, *requeue: Any) -> None:
        self._end(log, errors, requeue or (False,))

    def _end(self, *how: Any) -> None:
        for part in self._parts:
            part.delivery.part_ended(*how)
        self._ended()


class _Lane:
    """The commands that wait for one pool child."""

    def __init__(self, carry_out: Strategy) -> None:
        self._carry_out = carry_out
        self._waiting: deque[_Part] = deque()
        self._is_busy = False
        self._began_at = 0.0
        self.size_bytes = 0
        """Of what is under way or waits."""

    @property
    def has_room(self) -> bool:
        """Whether what may go anywhere is well off here."""
        is_slow = self._is_busy and time.monotonic() - self._began_at > SLOW_SECONDS
        return self.size_bytes < FULL_BYTES and not is_slow

    def add(self, part: _Part) -> None:
        self._waiting.append(part)
        self.size_bytes += part.size_bytes
        self._go()

    def _go(self) -> None:
        # Once the worker was told to end, what waits goes back to the broker with its connection.
        if self._waiting and not self._is_busy and not _is_ending():
            self._is_busy, self._began_at = True, time.monotonic()
            batch = self._next_batch()
            GATHERED.observe(len(batch))
            message = _GatheredMessage(batch, ended=partial(self._end, sum(part.size_bytes for part in batch)))
            try:
                self._carry_out(message, None, message.ack, message.reject, ())
            except Exception as error:
                # Of none of its messages is it the fault. A worker that ends is started again, and gets them anew; one
                # that went on would wait in this lane for a task that there is not.
                raise RuntimeError("the pool did not take what was gathered") from error

    def _end(self, size_bytes: int) -> None:
        self._is_busy = False
        self.size_bytes -= size_bytes
        self._go()

    def _next_batch(self) -> Sequence[_Part]:
        """Take the first part that waits, and those behind it as long as they fit."""
        batch: list[_Part] = []
        count = size_bytes = 0
        while self._waiting:
            count += len(self._waiting[0].items)
            size_bytes += self._waiting[0].size_bytes
            if batch and (count > MAX_BATCH_COUNT or size_bytes > MAX_GATHERED_BYTES):
                break
            batch.append(self._waiting.popleft())
        return batch


def _is_ending() -> bool:
    return state.should_stop is not None or state.should_terminate is not None


def gather(consumer: Consumer) -> None:
    """Let the messages of `consumer` gather whose tasks are commands. Anew for each connection to the broker: what an
    earlier one delivered comes again."""
    lanes = [_Lane(consumer.strategies[names.HANDLE_GATHERED]) for _ in range(consumer.controller.concurrency)]
    for task in consumer.strategies.keys() & {names.HANDLE_BATCH, *COMMANDS} - COSTLY:
        consumer.strategies[task] = _into(lanes, otherwise=consumer.strategies[task])


def _into(lanes: Sequence[_Lane], otherwise: Strategy) -> Strategy:
    """Return the strategy that puts commands into their lanes, but for messages that must go alone."""

    def receive(message: Message, body: Any, ack: Any, reject: Any, callbacks: Any) -> None:
        items = items_of_task(message.headers, message.payload)
        if _goes_alone(message, items):
            otherwise(message, body, ack, reject, callbacks)
        else:
            for lane, part in _Delivery(message, ack, reject).split(items, len(message.body), lanes).items():
                lane.add(part)

    return receive


def _goes_alone(message: Message, items: Sequence[Any]) -> bool:
    """What was delivered before may be what killed its worker, which is found out apart (tasks/attempts.py)."""
    return bool((message.delivery_info or {}).get("redelivered")) or not 1 <= len(items) <= MAX_BATCH_COUNT


def _lane_with_room(lanes: Sequence[_Lane]) -> _Lane:
    """Return the first, so that creations go together; the emptiest where none has room."""
    emptiest = min(lanes, key=lambda lane: lane.size_bytes)
    return next((lane for lane in lanes if lane.has_room), emptiest)


def _group_of(item: Any) -> str | None:
    """Return the group that a command is about, where one is named."""
    match item:
        case {
            "data": {"groupId": str(group_id)} | {"reports": [{"groupId": str(group_id)}, *_]} | {"id": str(group_id)}
        }:
            return group_id
        case _:
            return None
