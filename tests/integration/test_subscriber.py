"""The client library's subscriber at real brokers: nothing lost, nothing twice, in order, whatever happens to it."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection

import client.rabbitmq_queue
import client.redis_queue
import client.subscriber
from client.broker import EVENT_EXCHANGE
from client.event_queue import event_queue
from client.memory import SqliteMemory
from client.redis_queue import RedisQueue, SeatLost
from client.subscriber import NotNow, Subscriber
from models import names
from tests.commands import eventually
from tests.integration.subscribing import end, event, ids, parked, process, publish, queue_name, rejection, running
from tests.tcp_proxy import proxy_to, through

EVENT_COUNT = 3000
KILLS = 5


@pytest.fixture(params=["redis", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def name(broker_url: str) -> Iterator[str]:
    with queue_name(broker_url) as name:
        yield name


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.subscriber, "LONGEST_RETRY_PAUSE_SECONDS", 0.05)


def of_groups(count: int, groups: int = 4) -> list[dict[str, Any]]:
    """`count` events of some groups, in turn."""
    group_ids = [uuid4() for _ in range(groups)]
    return [event(number // groups + 1, group_ids[number % groups]) for number in range(count)]


class Handled:
    """A handler that notes what it was given, and may fail."""

    def __init__(self, fail: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self.events: list[dict[str, Any]] = []
        self.tries = 0
        self._fail = fail

    def __call__(self, event: dict[str, Any]) -> None:
        self.tries += 1
        self._fail(event)
        self.events.append(event)

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]


def test_a_repeated_event_is_handled_once(broker_url: str, name: str, tmp_path: Path) -> None:
    handled, events, refused = Handled(), of_groups(200), [rejection(), rejection()]
    with running(Subscriber(broker_url, name, handled, memory=SqliteMemory(tmp_path / "memory"))):
        publish(broker_url, [*events[:150], *events[100:150], *refused, *events[:10], refused[0], *events[150:]])
        eventually(lambda: handled.ids[-1:] == ids(events[-1:]))
    assert handled.ids == ids([*events[:150], *refused, *events[150:]])


def test_only_what_matches_comes(broker_url: str, name: str) -> None:
    handled = Handled()
    wanted, unwanted = (event(1, uuid4(), name=each) for each in (names.JOB_GROUP_COMPLETED, names.JOB_SUCCEEDED))
    with running(Subscriber(broker_url, name, handled, patterns=["job_group.*", names.COMMAND_REJECTED])):
        publish(broker_url, [unwanted, wanted, refused := rejection()])
        eventually(lambda: len(handled.events) == 2)
    assert handled.ids == ids([wanted, refused])


def effects(path: Path) -> list[tuple[str, str, int]]:
    with sqlite3.connect(path, timeout=10) as file:
        try:
            of_event = "event ->> 'subject', event ->> 'sequence'"
            return file.execute(f"SELECT id, {of_event} FROM effects ORDER BY number").fetchall()
        except sqlite3.OperationalError:  # not there yet
            return []


def test_who_is_killed_again_and_again_loses_and_repeats_nothing(broker_url: str, name: str, tmp_path: Path) -> None:
    """Most of the events come while nobody is there: how long that may last is only a matter of the broker's room."""
    path, lot = tmp_path / "memory", random.Random(6)
    events = of_groups(EVENT_COUNT)
    Subscriber(broker_url, name, print).declare()
    portion = EVENT_COUNT // (KILLS + 1)
    for kill in range(KILLS):
        publish(broker_url, events[kill * portion : (kill + 1) * portion])
        before = len(effects(path))
        victim = process(broker_url, name, path, deadly=lot.randrange(1, portion // 2))
        assert victim.wait(30) == -9
        assert len(effects(path)) >= before
    publish(broker_url, events[KILLS * portion :])
    victim = process(broker_url, name, path)
    eventually(lambda: len(effects(path)) > EVENT_COUNT // 2)
    victim.kill()  # wherever it is: between a commit and its acknowledgement, too
    victim.wait()
    survivor = process(broker_url, name, path)
    eventually(lambda: len(effects(path)) >= EVENT_COUNT)
    end(survivor)
    found = effects(path)
    assert sorted(id_ for id_, _, _ in found) == sorted(ids(events))
    for group_id in {subject for _, subject, _ in found}:
        sequences = [sequence for _, subject, sequence in found if subject == group_id]
        assert sequences == list(range(1, len(sequences) + 1))


def test_an_event_that_fails_is_tried_again_before_those_behind_it(broker_url: str, name: str, tmp_path: Path) -> None:
    events, failures = of_groups(20), iter(range(3))

    def fail(given: dict[str, Any]) -> None:
        if given["id"] == str(events[5]["id"]) and next(failures, None) is not None:
            raise LookupError("not this time")

    handled = Handled(fail)
    with running(Subscriber(broker_url, name, handled, memory=SqliteMemory(tmp_path / "memory"))):
        publish(broker_url, events)
        eventually(lambda: len(handled.events) == 20)
    assert handled.ids == ids(events)
    assert handled.tries == 23


def test_what_cannot_be_handled_is_parked(broker_url: str, name: str, tmp_path: Path) -> None:
    events = of_groups(20)

    def fail(given: dict[str, Any]) -> None:
        if given["id"] == str(events[5]["id"]):
            raise LookupError("never")

    handled = Handled(fail)
    with running(Subscriber(broker_url, name, handled, memory=SqliteMemory(tmp_path / "memory"), max_attempts=3)):
        publish(broker_url, events)
        eventually(lambda: len(handled.events) == 19)
    assert handled.ids == ids([*events[:5], *events[6:]])
    [(body, error)] = parked(broker_url, name)
    assert str(events[5]["id"]).encode() in body
    assert error == "LookupError('never')"


def test_who_takes_care_of_poison_is_asked_until_it_is_taken(broker_url: str, name: str) -> None:
    given_up: list[bytes] = []

    def take(body: bytes, _: Exception) -> None:
        given_up.append(body)
        if len(given_up) < 3:
            raise OSError("no room")

    def fail(_: dict[str, Any]) -> None:
        raise LookupError

    with running(Subscriber(broker_url, name, Handled(fail), max_attempts=2, on_poison=take)):
        publish(broker_url, of_groups(1))
        eventually(lambda: len(given_up) == 3)
    assert len(set(given_up)) == 1


def test_a_handler_that_cannot_work_gives_nothing_up(broker_url: str, name: str) -> None:
    calls = iter(range(30))

    def fail(_: dict[str, Any]) -> None:
        if next(calls, None) is not None:
            raise NotNow

    handled, events = Handled(fail), of_groups(3)
    with running(Subscriber(broker_url, name, handled, max_attempts=2)):
        publish(broker_url, events)
        eventually(lambda: len(handled.events) == 3)
    assert handled.ids == ids(events)


def test_one_that_is_stopped_amid_a_failure_leaves_the_event_to_the_next(
    broker_url: str, name: str, tmp_path: Path
) -> None:
    events, memory = of_groups(30), SqliteMemory(tmp_path / "memory")
    tried = Event()

    def fail(given: dict[str, Any]) -> None:
        if given["id"] == str(events[5]["id"]):
            tried.set()
            raise NotNow

    first, second = Handled(fail), Handled()
    with running(Subscriber(broker_url, name, first, memory=memory)):
        publish(broker_url, events)
        assert tried.wait(20)
    with running(Subscriber(broker_url, name, second, memory=memory)):
        eventually(lambda: len(second.events) == 25)
    assert first.ids + second.ids == ids(events)


def test_one_reads_and_others_stand_by(broker_url: str, name: str) -> None:
    events, slow = of_groups(100), lambda _: time.sleep(0.002)
    first, second = Handled(slow), Handled(slow)
    with running(Subscriber(broker_url, name, second)):
        publish(broker_url, events[:50])
        eventually(lambda: second.events)
        with running(Subscriber(broker_url, name, first)):
            publish(broker_url, events[50:75])
            eventually(lambda: len(second.events) == 75)
            assert first.events == []
    with running(Subscriber(broker_url, name, first)):
        publish(broker_url, events[75:])
        eventually(lambda: len(first.events) == 25)
    assert second.ids + first.ids == ids(events)


def test_a_handler_may_take_longer_than_signs_of_life_are_apart(
    broker_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.redis_queue, "SEAT_SECONDS", 1)
    monkeypatch.setattr(client.rabbitmq_queue, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("client.shift.IDLE_SECONDS", 0.2)
    one, other, events = Handled(lambda _: time.sleep(3)), Handled(), of_groups(2)
    with running(Subscriber(broker_url, name, one)) as subscriber:
        publish(broker_url, events)
        eventually(lambda: one.tries)
        with running(Subscriber(broker_url, name, other)):
            eventually(lambda: one.events)
            subscriber.stop()
            eventually(lambda: len(one.events + other.events) == 2)
    assert one.ids + other.ids == ids(events)


def test_a_connection_that_breaks_or_falls_silent_is_made_again(
    broker_url: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.rabbitmq_queue, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(client.redis_queue, "SOCKET_TIMEOUT_SECONDS", 2)
    handled, events = Handled(lambda _: time.sleep(0.005)), of_groups(200)
    with proxy_to(broker_url) as proxy:
        memory = SqliteMemory(tmp_path / "memory")
        with running(Subscriber(through(proxy, broker_url), name, handled, memory=memory)):
            for number, trouble in enumerate((proxy.cut, proxy.abandon)):
                publish(broker_url, events[number * 100 : (number + 1) * 100])
                eventually(lambda: len(handled.events) > number * 100 + 20)  # noqa: B023 - asked at once
                trouble()
            eventually(lambda: len(handled.events) == 200)
    assert handled.ids == ids(events)


@pytest.mark.parametrize("junk", ["", "5", "null", "{}", '{"id": 5}', "not JSON"])
def test_what_is_no_event_is_parked_at_once(broker_url: str, name: str, junk: str) -> None:
    handled, events = Handled(), of_groups(1)
    with running(Subscriber(broker_url, name, handled)):
        with Connection(broker_url) as connection:
            connection.Producer(exchange=EVENT_EXCHANGE).publish(junk, routing_key="job.junk")
        publish(broker_url, events)
        eventually(lambda: handled.events)
    assert handled.ids == ids(events)
    [(body, error)] = parked(broker_url, name)
    assert body == junk.encode()
    assert "no CloudEvents document" in error


def test_a_reader_that_stood_still_is_told_that_it_has_lost_its_seat(redis_url: str) -> None:
    events = of_groups(10)
    with queue_name(redis_url) as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.redis_queue, "SEAT_SECONDS", 0.3)
        queue = event_queue(name, ["#"])
        first, second = (
            RedisQueue(redis_url, queue, reader=each, shared=False, prefetch_count=6) for each in ("first", "second")
        )
        publish(redis_url, events)
        in_hand = first.receive(1)
        assert len(in_hand) == 6
        assert second.receive(0) == []
        time.sleep(0.4)
        taken_over = second.receive(0)
        assert [delivery.body for delivery in taken_over] == [delivery.body for delivery in in_hand]
        with pytest.raises(SeatLost):
            first.acknowledge(in_hand[:1])
        with pytest.raises(SeatLost):
            first.receive(0)
        second.acknowledge(taken_over)
        first.close()
        assert len(second.receive(0)) == 4
        second.close()


@pytest.mark.parametrize("contradiction", [{"memory": SqliteMemory(":memory:"), "shared": True}, {"concurrency": 2}])
def test_order_and_sharing_exclude_each_other(contradiction: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="order"):
        Subscriber("redis://127.0.0.1", "tests", print, **contradiction)
