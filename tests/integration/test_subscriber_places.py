"""Who reads a subscriber's queue: one at a time, or several; after lost connections, and when one stands still."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import client.rabbitmq_queue
import client.redis_queue
from client.event_queue import event_queue
from client.memory import SqliteMemory
from client.redis_queue import RedisQueue, SeatLost
from client.subscriber import Subscriber
from tests.commands import eventually
from tests.integration.subscribing import Handled, ids, of_groups, publish, queue_name, running
from tests.tcp_proxy import proxy_to, through


@pytest.fixture
def name(broker_url: str) -> Iterator[str]:
    with queue_name(broker_url) as name:
        yield name


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


def test_what_a_sharing_reader_leaves_behind_comes_to_the_others_first(redis_url: str) -> None:
    events = of_groups(10)
    with queue_name(redis_url) as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.redis_queue, "SEAT_SECONDS", 0.3)
        queue = event_queue(name, ["#"], shared=True)
        first, second = (
            RedisQueue(redis_url, queue, reader=each, shared=True, prefetch_count=4) for each in ("first", "second")
        )
        publish(redis_url, events)
        left_behind = [delivery.body for delivery in first.receive(1)]
        in_hand = second.receive(0)
        assert len(left_behind) == len(in_hand) == 4
        second.acknowledge(in_hand[2:])
        second.withdraw(in_hand[:2])
        time.sleep(0.4)
        third = RedisQueue(redis_url, queue, reader="third", shared=True, prefetch_count=10)
        bodies = [delivery.body for delivery in third.receive(0)]
        assert bodies[:6] == [*left_behind, *(delivery.body for delivery in in_hand[:2])]
        assert len(bodies) == 8
        for each in (first, second, third):
            each.close()
