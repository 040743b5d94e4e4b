"""When a delivery is tried again, and when no more."""

from datetime import UTC, datetime

import pytest

from models.delivery import MAX_ATTEMPTS, RETRY_SECONDS, Attempt, DeliveryStatus, Verdict

NOW = datetime(2023, 1, 31, tzinfo=UTC)
RETRY = Attempt(Verdict.RETRY)


def waits(attempts: int, attempt: Attempt = RETRY, chance: float = 0.0) -> float:
    status, due_at = attempt.leads_to(attempts, NOW, chance)
    assert status is DeliveryStatus.PENDING
    assert due_at is not None
    return (due_at - NOW).total_seconds()


def test_the_waits_are_those_of_the_specification() -> None:
    assert [waits(attempts) for attempts in range(1, MAX_ATTEMPTS)] == [
        *(5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
    ]
    assert 3 * 86_400 < sum(RETRY_SECONDS) < 4 * 86_400


def test_chance_makes_a_wait_longer_by_a_fifth_at_most() -> None:
    assert [waits(3, chance=chance) for chance in (0.0, 0.5, 1.0)] == [1800, 1980, 2160]


def test_the_tenth_attempt_is_the_last() -> None:
    assert RETRY.leads_to(10, NOW, 0.0) == (DeliveryStatus.FAILED, None)


def test_a_receiver_may_ask_for_more_patience_but_not_for_less_or_for_ever() -> None:
    assert waits(1, Attempt(Verdict.RETRY, 429, retry_after_seconds=90)) == 90
    assert waits(2, Attempt(Verdict.RETRY, 429, retry_after_seconds=90)) == 300
    assert waits(1, Attempt(Verdict.RETRY, 503, retry_after_seconds=10**9)) == 86_400


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.DELIVERED, DeliveryStatus.DELIVERED),
        (Verdict.GIVE_UP, DeliveryStatus.FAILED),
        (Verdict.GONE, DeliveryStatus.FAILED),
        (Verdict.UNWANTED, DeliveryStatus.CANCELLED),
    ],
)
def test_everything_else_is_the_end(verdict: Verdict, status: DeliveryStatus) -> None:
    assert Attempt(verdict).leads_to(1, NOW, 0.5) == (status, None)
