"""How a group fills, ends, and goes on after its end."""

from typing import Any
from uuid import UUID

import pytest

from models import names
from models.commands import CommandEnvelope, parse_command
from models.errors import AlreadyExists, IllegalTransition, NotFound, ValidationFailed
from models.events import JobGroupCompleted
from models.job_events import JobFailed, JobRetryScheduled
from models.lifecycle import JobStatus, Status
from tests.unit.group_in_memory import (
    GROUP_ID,
    START,
    GroupInMemory,
    addition,
    dispatched,
    ends_of,
    group_of,
    job_id,
    names_of,
    only,
    report_on,
)


@pytest.fixture
def bench() -> GroupInMemory:
    return GroupInMemory()


# Adding and sealing


def test_a_job_id_that_the_group_has_already_is_refused() -> None:
    bench = group_of(1)
    with pytest.raises(AlreadyExists):
        bench.send(names.JOB_ADD, **addition(2, 1))
    assert bench.statuses() == ["processing"]


@pytest.mark.parametrize(
    ("type_", "data", "field"),
    [
        (names.JOB_ADD, addition(1, 1), "jobs"),
        (names.JOB_ADD, addition(*range(1001)), "jobs"),
        (names.JOB_ADD, addition(), "jobs"),
        (names.JOB_REPORT, {"reports": [report_on(1, 1), {**report_on(2, 1), "groupId": str(UUID(int=5))}]}, "reports"),
        (names.JOB_REPORT, {"reports": [report_on(1, 0)]}, "reports.0.attempt"),
        (names.JOB_REPORT, {"reports": [report_on(1, 1, confidence=1.01)]}, "reports.0.confidence"),
        (names.JOB_REPORT, {"reports": [report_on(1, 1, status="done")]}, "reports.0.status"),
    ],
)
def test_what_the_contracts_refuse_is_named(type_: str, data: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_command(CommandEnvelope(id="c", type=type_, data=data))
    assert field in {error.field for error in refused.value.facts["errors"]}


def test_jobs_without_ids_take_the_same_ones_each_time() -> None:
    jobs = [{"document": {"uri": "s3://b/1.pdf"}}, {"document": {"uri": "s3://b/2.pdf"}}]
    envelope = CommandEnvelope(id="scan-7", type=names.JOB_ADD, data={"groupId": str(GROUP_ID), "jobs": jobs})
    first, again = ([job.id for job in parse_command(envelope).jobs] for _ in "12")  # type: ignore[attr-defined]
    assert first == again
    assert len(set(first)) == 2


def test_a_group_waits_for_its_seal(bench: GroupInMemory) -> None:
    bench.create()
    bench.add(1, last=False)
    assert names_of(bench.report(1)) == [names.JOB_SUCCEEDED]
    assert bench.status is Status.PROCESSING
    assert names_of(bench.ask("seal")) == [names.JOB_GROUP_SEALED, names.JOB_GROUP_COMPLETED]
    assert bench.group.finished_at == START


def test_a_sealed_empty_group_completes_at_once(bench: GroupInMemory) -> None:
    bench.create()
    completed = only(bench.ask("seal"), JobGroupCompleted)
    assert (completed.outcome, completed.counts.total, completed.generation) == (Status.COMPLETED, 0, 1)


def test_a_group_is_sealed_once() -> None:
    bench = group_of(1)
    with pytest.raises(IllegalTransition, match="sealed already"):
        bench.ask("seal")


# The end, and what comes after it


def test_an_end_tells_the_counts_and_the_outcome() -> None:
    bench = group_of(3)
    bench.fail(1)
    completed = only(bench.report(2, 3), JobGroupCompleted)
    assert (completed.outcome, completed.status) == (Status.COMPLETED_WITH_ERRORS,) * 2
    assert (completed.counts.succeeded, completed.counts.failed, completed.counts.total) == (2, 1, 3)
    assert (completed.version, completed.generation) == (bench.group.version, 1)


def test_added_jobs_reopen_a_finished_group_in_its_next_generation() -> None:
    bench = group_of(1)
    bench.report(1)
    bench.wait(60)
    happened = names_of(bench.add(1, last=False))
    assert happened == [names.JOB_GROUP_REOPENED, names.JOB_GROUP_JOBS_ADDED, names.JOB_DISPATCHED]
    assert (bench.group.generation, bench.group.sealed, bench.group.finished_at) == (2, False, None)
    bench.report(2)
    bench.ask("seal")
    assert ends_of(bench) == [1, 2]


def test_added_jobs_leave_a_draft_that_ended_empty_a_draft(bench: GroupInMemory) -> None:
    bench.create(autoStart=False)
    bench.ask("seal")
    assert bench.status is Status.COMPLETED
    assert dispatched(bench.add(1)) == []
    assert (bench.status, bench.group.generation, bench.group.started_at) == (Status.DRAFT, 2, None)
    assert dispatched(bench.ask("start")) == [1]


def test_a_cancelled_draft_that_is_tried_again_has_been_started(bench: GroupInMemory) -> None:
    bench.create(autoStart=False)
    bench.add(1)
    bench.ask("cancel")
    bench.wait(60)
    assert dispatched(bench.ask("retry")) == [1]
    assert bench.group.started_at == bench.now


def test_a_retry_gives_fresh_attempts_and_attempts_never_go_back() -> None:
    bench = group_of(2, maxAttempts=2, retryBackoff={"initialSeconds": 0})
    bench.report(2)
    bench.fail(1, retryable=True)
    bench.ask("wake")
    bench.fail(1, retryable=True)
    assert (bench.job(1).status, bench.job(1).attempts) == (JobStatus.FAILED, 2)
    assert dispatched(bench.ask("retry")) == [1]
    assert (bench.job(1).attempts, bench.job(1).max_attempts) == (3, 4)
    assert bench.report(1, attempt=1) == []
    assert only(bench.fail(1, retryable=True), JobRetryScheduled).attempt == 3
    bench.wait(1)
    bench.ask("wake")
    assert only(bench.fail(1, retryable=True), JobFailed).attempt == 4
    assert ends_of(bench) == [1, 2]


def test_a_retry_takes_the_jobs_it_names_and_only_those() -> None:
    bench = group_of(3)
    bench.fail(1, 2, 3)
    happened = bench.ask("retry", jobIds=[str(job_id(3)), str(job_id(3)), str(job_id(1))])
    assert dispatched(happened) == [1, 3]
    assert bench.statuses() == ["processing", "failed", "processing"]


def test_a_retry_of_what_cannot_be_retried_is_refused() -> None:
    bench = group_of(2)
    bench.fail(1)
    with pytest.raises(IllegalTransition, match="is processing; it cannot be retried"):
        bench.ask("retry", jobIds=[str(job_id(1)), str(job_id(2))])
    with pytest.raises(NotFound, match="there is no job"):
        bench.ask("retry", jobIds=[str(job_id(9))])
    assert bench.statuses() == ["failed", "processing"]


def test_a_retry_within_an_open_group_stays_in_its_generation() -> None:
    bench = group_of(2)
    bench.fail(1)
    assert names_of(bench.ask("retry")) == [names.JOB_RETRY_SCHEDULED, names.JOB_DISPATCHED]
    bench.report(1, 2)
    assert (ends_of(bench), bench.status) == ([1], Status.COMPLETED)
