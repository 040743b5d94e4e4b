"""Groups that are given up, and what time does to them."""

from datetime import timedelta

import pytest

from models import names
from models.lifecycle import Counts, Intent, Status
from tests.unit.group_in_memory import (
    GROUP_ID,
    GroupInMemory,
    ends_of,
    group_of,
    names_of,
)


@pytest.fixture
def bench() -> GroupInMemory:
    return GroupInMemory()


# maxFailures


def test_as_many_failures_as_max_failures_give_the_group_up() -> None:
    bench = group_of(6, maxFailures=2, maxConcurrency=3)
    assert bench.group.counts.processing == 3
    bench.fail(1)
    assert bench.status is Status.PROCESSING
    happened = names_of(bench.fail(2))
    assert happened == [names.JOB_FAILED, names.JOB_GROUP_CANCELLING, *[names.JOB_CANCELLED] * 2]
    assert (bench.status, bench.group.status_reason) == (Status.CANCELLING, "2 jobs failed, maxFailures is 2")
    assert names_of(bench.report(3, 4)) == [*[names.JOB_CANCELLED] * 2, names.JOB_GROUP_CANCELLED]
    assert bench.group.counts == Counts(failed=2, cancelled=4)


def test_lapsed_leases_count_as_failures_too() -> None:
    bench = group_of(3, maxFailures=3, maxAttempts=1)
    bench.wait(300)
    bench.ask("wake")
    assert (bench.status, bench.group.counts) == (Status.CANCELLED, Counts(failed=3))


# Cancelling


def test_a_cancelled_group_ends_its_queue_at_once_and_waits_for_what_is_under_way() -> None:
    bench = group_of(4, maxConcurrency=1)
    assert names_of(bench.ask("cancel")) == [names.JOB_GROUP_CANCELLING, *[names.JOB_CANCELLED] * 3]
    assert (bench.status, bench.group.finished_at) == (Status.CANCELLING, None)
    assert names_of(bench.report(1)) == [names.JOB_CANCELLED, names.JOB_GROUP_CANCELLED]
    assert (bench.status, bench.group.counts) == (Status.CANCELLED, Counts(cancelled=4))
    assert ends_of(bench) == [1]


def test_a_cancelled_group_does_not_wait_for_an_engine_that_is_gone() -> None:
    bench = group_of(1, jobTimeoutSeconds=60)
    bench.ask("cancel")
    bench.wait(60)
    assert names_of(bench.ask("wake")) == [names.JOB_CANCELLED, names.JOB_GROUP_CANCELLED]


def test_a_cancelled_group_with_nothing_under_way_is_cancelled_at_once(bench: GroupInMemory) -> None:
    bench.create()
    assert names_of(bench.ask("cancel")) == [names.JOB_GROUP_CANCELLING, names.JOB_GROUP_CANCELLED]


def test_a_cancelled_group_is_tried_again_whole() -> None:
    bench = group_of(2)
    bench.ask("cancel")
    bench.report(1, 2)
    happened = names_of(bench.ask("retry"))
    assert happened == [names.JOB_GROUP_REOPENED, *[names.JOB_RETRY_SCHEDULED] * 2, *[names.JOB_DISPATCHED] * 2]
    assert (bench.group.intent, bench.group.status_reason, bench.group.generation) == (Intent.ACTIVE, None, 2)


def test_what_follows_a_cancel_in_its_transaction_finds_its_queue_ended(bench: GroupInMemory) -> None:
    bench.create(autoStart=False)
    bench.add(2)
    about = {"id": str(GROUP_ID)}
    happened = bench.send_all((names.JOB_GROUP_CANCEL, about), (names.JOB_GROUP_RETRY, about))
    assert names_of(happened)[:4] == [
        names.JOB_GROUP_CANCELLING,
        *[names.JOB_CANCELLED] * 2,
        names.JOB_GROUP_CANCELLED,
    ]
    assert bench.statuses() == ["processing"] * 2


def test_nothing_happens_to_a_group_after_its_deletion() -> None:
    bench = group_of(3, maxConcurrency=1)
    about = {"id": str(GROUP_ID)}
    happened = bench.send_all((names.JOB_GROUP_CANCEL, about), (names.JOB_GROUP_DELETE, about))
    assert names_of(happened)[-1] == names.JOB_GROUP_DELETED


# Time


def test_a_group_that_runs_out_of_time_ends_its_queue_and_takes_no_more_results() -> None:
    bench = group_of(2, expiresAfterSeconds=60, maxConcurrency=1)
    bench.wait(59)
    assert bench.ask("wake") == []
    bench.wait(1)
    assert names_of(bench.ask("wake")) == [names.JOB_GROUP_EXPIRED, names.JOB_EXPIRED]
    assert (bench.status, bench.group.finished_at) == (Status.EXPIRED, bench.now)
    assert names_of(bench.report(1)) == [names.JOB_EXPIRED]
    assert ends_of(bench) == [1]


def test_an_expired_group_has_its_time_again_when_it_is_retried() -> None:
    bench = group_of(1, expiresAfterSeconds=60)
    bench.wait(60)
    bench.ask("wake")
    bench.report(1)
    bench.ask("retry")
    assert bench.group.expires_at == bench.now + timedelta(seconds=60)
    bench.report(1)
    assert (ends_of(bench), bench.status) == ([1, 2], Status.COMPLETED)


def test_a_finished_group_does_not_expire() -> None:
    bench = group_of(1, expiresAfterSeconds=60)
    bench.report(1)
    bench.wait(60)
    assert bench.ask("wake") == []


def test_a_wake_up_with_nothing_due_makes_no_event_and_no_version() -> None:
    bench = group_of(2, maxConcurrency=1)
    before = bench.group
    assert bench.ask("wake") == []
    assert bench.group == before


def test_a_wake_up_that_dispatches_is_a_version_of_its_own() -> None:
    bench = group_of(1)
    bench.fail(1, retryable=True)
    before = bench.group
    bench.wait(5)
    (event,) = bench.ask("wake")
    assert (event.version, bench.group.version) == (before.version + 1,) * 2  # type: ignore[attr-defined]


def test_a_wake_up_collects_a_lease_and_dispatches_into_its_room() -> None:
    bench = group_of(2, maxConcurrency=1)
    bench.wait(300)
    assert names_of(bench.ask("wake")) == [names.JOB_RETRY_SCHEDULED, names.JOB_DISPATCHED]
    assert bench.statuses() == ["queued", "processing"]
