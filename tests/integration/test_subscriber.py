"""The client library's subscriber at real brokers: nothing lost, nothing twice, in order, whatever happens to it."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection

import client.subscriber
from client.broker import EVENT_EXCHANGE
from client.memory import SqliteMemory
from client.subscriber import NotNow, Subscriber
from models import names
from tests.commands import eventually
from tests.integration.subscribing import (
    Handled,
    end,
    event,
    ids,
    of_groups,
    parked,
    process,
    publish,
    queue_name,
    rejection,
    running,
)

EVENT_COUNT = 3000
KILLS = 5


@pytest.fixture
def name(broker_url: str) -> Iterator[str]:
    with queue_name(broker_url) as name:
        yield name


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.subscriber, "LONGEST_RETRY_PAUSE_SECONDS", 0.05)


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


def test_what_was_parked_can_be_handled_later(broker_url: str, name: str, tmp_path: Path) -> None:
    events = of_groups(5)

    def fail(given: dict[str, Any]) -> None:
        if given["sequence"] == 1:
            raise LookupError

    handled, later, memory = Handled(fail), Handled(), SqliteMemory(tmp_path / "memory")
    with running(Subscriber(broker_url, name, handled, memory=memory, max_attempts=1)):
        publish(broker_url, events)
        eventually(lambda: len(handled.events) == 1)
    with running(Subscriber(broker_url, f"{name}.parked", later, patterns=(), shared=True)):
        eventually(lambda: len(later.events) == 4)
    assert handled.ids + later.ids == ids([events[4], *events[:4]])


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


@pytest.mark.parametrize("contradiction", [{"memory": SqliteMemory(":memory:"), "shared": True}, {"concurrency": 2}])
def test_order_and_sharing_exclude_each_other(contradiction: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="order"):
        Subscriber("redis://127.0.0.1", "tests", print, **contradiction)
