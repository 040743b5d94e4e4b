"""The newest events, as many as there is room for."""

from uuid import UUID

from api_stub.event_stream import FeedEvent
from api_stub.feed_ring import Ring


def event(position: int, size_bytes: int = 10) -> FeedEvent:
    return FeedEvent(position, UUID(int=1), "job.failed", b"x" * size_bytes)


def filled(*events: FeedEvent, max_bytes: int = 100) -> Ring:
    ring = Ring(max_bytes)
    for each in events:
        ring.append(each)
    return ring


def positions(ring: Ring, after: int) -> list[int]:
    return [each.position for each in ring.after(after)]


def test_it_gives_what_comes_after_a_position() -> None:
    ring = filled(*map(event, range(1, 6)))
    assert positions(ring, 0) == [1, 2, 3, 4, 5]
    assert positions(ring, 3) == [4, 5]
    assert positions(ring, 5) == positions(ring, 9) == []


def test_the_oldest_make_room() -> None:
    ring = filled(*map(event, range(1, 26)))
    assert not ring.reaches_back_to(14)
    assert ring.reaches_back_to(15)
    assert positions(ring, 15) == list(range(16, 26))


def test_one_event_is_kept_however_large_it_is() -> None:
    ring = filled(event(1), event(2, 1000))
    assert positions(ring, 1) == [2]
    ring.append(event(3))
    assert positions(ring, 2) == [3]


def test_what_comes_after_a_gap_stands_alone() -> None:
    ring = filled(event(1), event(2), event(7))
    assert not ring.reaches_back_to(2)
    assert positions(ring, 6) == [7]
    for position in range(8, 30):
        ring.append(event(position))
    assert positions(ring, 19) == list(range(20, 30))


def test_an_empty_one_knows_where_it_goes_on() -> None:
    ring = Ring(100)
    ring.empty(41)
    assert ring.reaches_back_to(41)
    assert not ring.reaches_back_to(40)
    ring.append(event(42))
    assert positions(ring, 41) == [42]
