"""What reports and reviews make of jobs, and which are never counted."""

from typing import Any

import pytest

from models import names
from models.errors import IllegalTransition, NotFound
from models.job_events import JobSucceeded
from models.lifecycle import Counts, Status
from tests.unit.group_in_memory import (
    GroupInMemory,
    dispatched,
    group_of,
    names_of,
    only,
    report_on,
)


@pytest.fixture
def bench() -> GroupInMemory:
    return GroupInMemory()


# Reports


@pytest.mark.parametrize(
    ("settings", "confidence", "status"),
    [
        ({}, 0.8, "succeeded"),
        ({}, 0.799, "needs_review"),
        ({}, None, "needs_review"),
        ({"confidenceThreshold": 0}, 0, "succeeded"),
        ({"confidenceThreshold": 1}, 1, "succeeded"),
        ({"automation": "always"}, 0.0, "succeeded"),
        ({"automation": "always"}, None, "succeeded"),
        ({"automation": "never"}, 1.0, "needs_review"),
    ],
)
def test_automation_and_threshold_say_which_results_a_person_sees(
    settings: dict[str, Any], confidence: float | None, status: str
) -> None:
    bench = group_of(1, **settings)
    bench.report(1, confidence=confidence)
    assert (bench.job(1).status, bench.job(1).confidence, bench.job(1).result) == (status, confidence, {"total": 1})


def test_a_repeated_report_is_taken_and_not_counted() -> None:
    bench = group_of(2)
    bench.report(1)
    before = bench.group
    assert bench.report(1) == []
    assert bench.fail(1) == []
    assert bench.group == before


def test_a_report_comes_twice_in_one_command_and_counts_once() -> None:
    bench = group_of(1)
    assert names_of(bench.report(1, 1)) == [names.JOB_SUCCEEDED, names.JOB_GROUP_COMPLETED]


def test_a_report_of_an_earlier_attempt_is_not_counted() -> None:
    bench = group_of(1)
    bench.fail(1, retryable=True)
    assert bench.report(1, attempt=1) == []
    bench.wait(5)
    bench.ask("wake")
    assert bench.report(1, attempt=1) == []
    assert bench.report(1, attempt=3) == []
    assert only(bench.report(1, attempt=2), JobSucceeded).attempt == 2


def test_a_report_on_a_job_that_nobody_knows_leaves_the_others_alone() -> None:
    bench = group_of(1)
    happened = bench.send(names.JOB_REPORT, reports=[report_on(99, 1), report_on(1, 1)])
    assert names_of(happened) == [names.JOB_SUCCEEDED, names.JOB_GROUP_COMPLETED]


def test_the_jobs_under_way_may_finish_while_the_group_is_paused() -> None:
    bench = group_of(3, maxConcurrency=1)
    bench.ask("pause")
    assert dispatched(bench.report(1)) == []
    assert (bench.status, bench.group.counts) == (Status.PAUSED, Counts(queued=2, succeeded=1))
    assert dispatched(bench.ask("resume")) == [2]


# Review


def test_a_reviewer_accepts_the_result_as_it_is() -> None:
    bench = group_of(1)
    assert names_of(bench.report(1, confidence=0.4)) == [names.JOB_NEEDS_REVIEW, names.JOB_GROUP_AWAITING_REVIEW]
    event = only(bench.review(1, "accept"), JobSucceeded)
    assert (event.confidence, event.result, event.reviewer) == (0.4, {"total": 1}, "anna")
    assert bench.status is Status.COMPLETED


def test_a_reviewer_rejects_the_result() -> None:
    bench = group_of(2)
    bench.report(1)
    bench.report(2, confidence=0.4)
    assert names_of(bench.review(2, "reject")) == [names.JOB_REJECTED, names.JOB_GROUP_COMPLETED]
    assert (bench.status, bench.group.counts) == (Status.COMPLETED_WITH_ERRORS, Counts(succeeded=1, rejected=1))


def test_only_a_job_that_needs_review_is_reviewed() -> None:
    bench = group_of(2)
    bench.report(1)
    with pytest.raises(IllegalTransition, match="is succeeded"):
        bench.review(1, "accept")
    with pytest.raises(IllegalTransition, match="is processing"):
        bench.review(2, "reject")
    with pytest.raises(NotFound, match="there is no job"):
        bench.review(9, "accept")


def test_a_result_that_was_rejected_is_not_the_result_of_the_next_attempt() -> None:
    bench = group_of(1)
    bench.report(1, confidence=0.4)
    bench.review(1, "reject")
    assert bench.job(1).result == {"total": 1}
    bench.ask("retry")
    bench.fail(1)
    assert (bench.job(1).result, bench.job(1).confidence) == (None, None)
