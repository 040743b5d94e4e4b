"""Lanes: which commands go together, and when their messages are acknowledged."""

from collections.abc import Callable
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest
from celery.worker.consumer import Consumer
from kombu.message import Message

from models import names
from models.commands import MAX_BATCH_COUNT
from workers.gathering import FULL_BYTES, MAX_GATHERED_BYTES, gather

LOG, ERRORS = object(), (OSError,)


class Worker:
    """Stands for Celery: keeps what the pool would get, and what became of each message."""

    def __init__(self, children: int) -> None:
        self.pool: list[Any] = []
        self.alone: list[Message] = []
        self.ended: list[tuple[str, Any]] = []
        self.strategies: dict[str, Callable[..., Any]] = {
            names.HANDLE_GATHERED: lambda message, *_: self.pool.append(message),
            names.HANDLE_BATCH: lambda message, *_: self.alone.append(message),
            names.JOB_GROUP_UPDATE: lambda message, *_: self.alone.append(message),
            names.JOB_GROUP_CANCEL: lambda message, *_: self.alone.append(message),
        }
        self._consumer = Consumer.__new__(Consumer)
        self._consumer.strategies = self.strategies
        self._consumer.controller = type("Controller", (), {"concurrency": children})()
        self.gather()

    def gather(self) -> None:
        gather(self._consumer)

    def deliver(self, task: str, kwargs: dict[str, Any], size_bytes: int = 100, **delivery_info: Any) -> str:
        id_ = str(uuid4())
        message = Message(b"x" * size_bytes, headers={"task": task, "id": id_}, delivery_info=delivery_info)
        message._decoded_cache = [[], kwargs, {}]
        end = self.ended.append
        self.strategies[task](
            message, None, lambda *_: end((id_, "ack")), lambda _log, _errors, requeue: end((id_, requeue)), ()
        )
        return id_

    def update(self, group: str, **more: Any) -> str:
        return self.deliver(names.JOB_GROUP_UPDATE, {"id": group}, **more)

    def batch(self, *groups: str) -> str:
        items = [{"id": str(uuid4()), "type": names.JOB_GROUP_UPDATE, "data": {"id": group}} for group in groups]
        return self.deliver(names.HANDLE_BATCH, {"commands": items})

    def creations(self, count: int, size_bytes: int) -> str:
        items = [{"id": str(uuid4()), "type": names.JOB_GROUP_CREATE, "data": {"name": "March"}} for _ in range(count)]
        return self.deliver(names.HANDLE_BATCH, {"commands": items}, size_bytes)

    def counts_in_pool(self) -> list[int]:
        return [len(message.body[1]["commands"]) for message in self.pool]

    def groups_in_pool(self) -> list[list[str]]:
        return [[item["data"]["id"] for item in message.body[1]["commands"]] for message in self.pool]


def test_a_free_child_is_not_kept_waiting() -> None:
    worker = Worker(children=1)
    worker.update("a")
    assert worker.groups_in_pool() == [["a"]]


def test_what_comes_meanwhile_goes_together() -> None:
    worker = Worker(children=1)
    ids = [worker.update(group) for group in "abc"]
    assert worker.groups_in_pool() == [["a"]]
    worker.pool[0].ack(LOG, ERRORS)
    assert worker.groups_in_pool() == [["a"], ["b", "c"]]
    assert worker.pool[1].body[1]["askers"] == ids[1:]
    assert worker.ended == [(ids[0], "ack")]


def test_a_group_has_one_lane() -> None:
    worker = Worker(children=4)
    for _ in range(10):
        worker.update("a")
    assert worker.groups_in_pool() == [["a"]]


def test_what_may_go_to_any_child_goes_together() -> None:
    worker = Worker(children=4)
    for _ in range(10):
        worker.creations(1, size_bytes=700)
    assert worker.counts_in_pool() == [1]
    worker.pool[0].ack(LOG, ERRORS)
    assert worker.counts_in_pool() == [1, 9]


def test_what_may_go_to_any_child_goes_where_there_is_room() -> None:
    worker = Worker(children=3)
    for _ in range(4):
        worker.creations(50, size_bytes=FULL_BYTES)
    assert worker.counts_in_pool() == [50, 50, 50]
    worker.pool[1].ack(LOG, ERRORS)
    worker.creations(7, size_bytes=700)
    assert worker.counts_in_pool() == [50, 50, 50, 7]


def test_what_may_go_to_any_child_does_not_wait_behind_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.gathering.SLOW_SECONDS", 0.0)
    worker = Worker(children=2)
    for _ in range(3):
        worker.creations(1, size_bytes=700)
    assert worker.counts_in_pool() == [1, 1]
    worker.pool[0].ack(LOG, ERRORS)
    assert worker.counts_in_pool() == [1, 1, 1]


def test_where_all_are_full_the_emptiest_gets_more() -> None:
    worker = Worker(children=2)
    for size_bytes in (3 * FULL_BYTES, FULL_BYTES, FULL_BYTES):
        worker.creations(50, size_bytes)
    worker.pool[0].ack(LOG, ERRORS)
    assert worker.counts_in_pool() == [50, 50]
    worker.pool[1].ack(LOG, ERRORS)
    assert worker.counts_in_pool() == [50, 50, 50]


def test_a_message_in_two_lanes_ends_once_when_both_have() -> None:
    worker = Worker(children=2)
    id_ = worker.batch(*"abcdefgh")
    first, second = worker.pool
    assert sorted(chain.from_iterable(worker.groups_in_pool())) == list("abcdefgh")
    first.ack(LOG, ERRORS)
    assert worker.ended == []
    second.ack(LOG, ERRORS)
    assert worker.ended == [(id_, "ack")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_message_goes_back_whole_where_one_lane_could_not_carry_it_out(order: tuple[int, int]) -> None:
    worker = Worker(children=2)
    id_ = worker.batch(*"abcdefgh")
    ends = [lambda: worker.pool[0].reject(LOG, ERRORS, True), lambda: worker.pool[1].ack(LOG, ERRORS)]
    for each in order:
        ends[each]()
    assert worker.ended == [(id_, True)]


def test_a_transaction_has_its_limits() -> None:
    worker = Worker(children=1)
    worker.update("a")
    for _ in range(MAX_BATCH_COUNT + 1):
        worker.update("a")
    worker.pool[0].ack(LOG, ERRORS)
    assert len(worker.groups_in_pool()[1]) == MAX_BATCH_COUNT
    worker.pool[1].ack(LOG, ERRORS)
    worker.update("a", size_bytes=MAX_GATHERED_BYTES)
    worker.update("a")
    worker.pool[2].ack(LOG, ERRORS)
    assert len(worker.groups_in_pool()[3]) == 1


def test_some_go_alone() -> None:
    worker = Worker(children=1)
    worker.update("a", redelivered=True)
    worker.deliver(names.JOB_GROUP_CANCEL, {"id": "a"})
    worker.deliver(names.HANDLE_BATCH, {"commands": "nothing"})
    worker.deliver(names.HANDLE_BATCH, {"commands": []})
    assert len(worker.alone) == 4
    assert worker.pool == []


def test_what_the_pool_does_not_take_is_no_fault_of_a_message() -> None:
    """The consumer takes a TypeError for a fault of the message at hand, and would bury that one."""
    worker = Worker(children=1)

    def refuse(*_: Any) -> None:
        raise TypeError("no such pool")

    worker.strategies[names.HANDLE_GATHERED] = refuse
    worker.gather()
    with pytest.raises(RuntimeError, match="did not take"):
        worker.update("a")
    assert worker.ended == []
