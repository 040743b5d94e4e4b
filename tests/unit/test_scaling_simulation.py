"""The simulation behind docs/scaling.md, where queueing theory or common sense knows the answer."""

from statistics import mean

import pytest

from benchmarks.scaling.simulation import PER_MESSAGE, Latencies, Shard, simulate

SERVICE_SECONDS = 0.02
EVENT_SECONDS = 0.0001


def waits_of(utilisation: float, *, children: int = 1, hot_share: float = 0.0) -> float:
    """The mean wait in service times, where each message takes the same time."""
    shard = Shard([SERVICE_SECONDS], EVENT_SECONDS, children=children)
    latencies = simulate(shard, utilisation * shard.capacity, hot_share)
    return mean(latencies.commit) / SERVICE_SECONDS - 1


@pytest.mark.parametrize("utilisation", [0.2, 0.5, 0.8])
def test_one_child_waits_as_pollaczek_and_khinchine_say(utilisation: float) -> None:
    assert waits_of(utilisation) == pytest.approx(utilisation / (2 * (1 - utilisation)), rel=0.1)


def test_where_all_work_is_on_one_group_many_children_are_one() -> None:
    assert waits_of(0.8 / 4, children=4, hot_share=1.0) == pytest.approx(waits_of(0.8), rel=0.1)


def test_one_hot_group_cannot_have_more_than_one_child() -> None:
    assert waits_of(0.6, children=4, hot_share=0.3) < 2
    assert waits_of(0.9, children=4, hot_share=0.3) > 10 * waits_of(0.9, children=4)


def relayed(events_per_second: float) -> Latencies:
    return simulate(Shard([SERVICE_SECONDS], EVENT_SECONDS, children=8), events_per_second)


def test_a_relay_with_room_needs_a_batch_or_two() -> None:
    assert mean(relayed(0.3 / EVENT_SECONDS).event) < 2 * PER_MESSAGE * EVENT_SECONDS


def test_a_relay_without_room_falls_behind() -> None:
    late = relayed(1.5 / EVENT_SECONDS).event
    assert late[-1] > 20
    assert late[-1] > late[len(late) // 2] > late[len(late) // 10]
