"""How long to wait before trying again."""

from client.pauses import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, growing_pause


def test_pauses_grow_up_to_a_bound_and_differ() -> None:
    drawn = {failures: [growing_pause(failures) for _ in range(50)] for failures in (1, 2, 5, 6, 1000)}
    assert all(FIRST_PAUSE_SECONDS / 2 <= pause <= FIRST_PAUSE_SECONDS for pause in drawn[1])
    assert min(drawn[5]) > max(drawn[2]) > FIRST_PAUSE_SECONDS
    assert all(LONGEST_PAUSE_SECONDS / 2 <= pause <= LONGEST_PAUSE_SECONDS for pause in drawn[6] + drawn[1000])
    assert len(set(drawn[1000])) > 40
    assert growing_pause(1000, longest_seconds=60) >= 30
