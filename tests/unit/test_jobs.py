"""What the settings change for jobs: dispatch, attempts, duplicates."""

from datetime import timedelta
from typing import Any

import pytest

from models import names
from models.errors import ValidationFailed
from models.fields import ProcessingSettings
from models.job import SCHEDULING_KEYS, backoff
from models.job_events import JobDispatched, JobFailed, JobRetryScheduled
from models.lifecycle import Counts, Status
from tests.unit.group_in_memory import (
    GROUP_ID,
    START,
    WRITABLE,
    GroupInMemory,
    addition,
    dispatched,
    group_of,
    job_id,
    names_of,
    only,
)


@pytest.fixture
def bench() -> GroupInMemory:
    return GroupInMemory()


# Dispatch


def test_the_jobs_of_a_new_group_are_dispatched_in_their_order(bench: GroupInMemory) -> None:
    bench.create()
    assert dispatched(bench.add(3)) == [1, 2, 3]
    assert (bench.status, bench.group.counts) == (Status.PROCESSING, Counts(processing=3))


def test_a_group_without_auto_start_dispatches_when_it_is_started(bench: GroupInMemory) -> None:
    bench.create(autoStart=False)
    assert dispatched(bench.add(2)) == []
    assert dispatched(bench.ask("start")) == [1, 2]
    assert bench.group.started_at == START


def test_no_more_than_max_concurrency_are_dispatched_at_once(bench: GroupInMemory) -> None:
    bench.create(maxConcurrency=2)
    assert dispatched(bench.add(5)) == [1, 2]
    assert dispatched(bench.report(2)) == [3]
    assert dispatched(bench.report(1, 3)) == [4, 5]


def test_more_concurrency_takes_effect_at_once_and_less_takes_nothing_back() -> None:
    bench = group_of(5, maxConcurrency=1)
    more = {"processingSettings": {"maxConcurrency": 3}}
    assert dispatched(bench.ask("patch", patch=more)) == [2, 3]
    bench.ask("patch", patch={"processingSettings": {"maxConcurrency": 2}})
    assert bench.group.counts == Counts(processing=3, queued=2)
    assert dispatched(bench.report(1)) == []
    assert dispatched(bench.report(2)) == [4]


def test_a_job_that_waits_for_its_next_attempt_lets_others_pass() -> None:
    bench = group_of(3, maxConcurrency=1)
    assert dispatched(bench.fail(1, retryable=True)) == [2]
    bench.wait(5)
    assert dispatched(bench.report(2)) == [1]


def test_commands_of_one_transaction_share_one_dispatch(bench: GroupInMemory) -> None:
    bench.create()
    happened = bench.send_all((names.JOB_ADD, addition(1, last=False)), (names.JOB_ADD, addition(2)))
    assert [event.name for event in happened[-2:]] == [names.JOB_DISPATCHED] * 2
    assert (bench.group.version, [event.version for event in happened]) == (3, [2, 3, 3, 3, 3])


@pytest.mark.parametrize("priority", ["low", "medium", "high", "urgent"])
def test_the_priority_is_what_engines_bind_to(bench: GroupInMemory, priority: str) -> None:
    bench.create(priority)
    event = only(bench.add(), JobDispatched)
    assert (event.routing_key, event.priority) == (f"job.dispatched.{priority}", priority)
    assert names.event_type(event.routing_key) == "ocr_invoice.job.dispatched.v1"


def test_an_engine_gets_what_it_needs_to_read_and_nothing_of_the_scheduling(bench: GroupInMemory) -> None:
    own = {"languages": ["fr", "de-CH"], "extractLineItems": True, "dpi": 300, "deskew": {"angle": 2}}
    scheduling = {
        "maxConcurrency": 1,
        "maxAttempts": 2,
        "retryBackoff": {"initialSeconds": 1.0},
        "jobTimeoutSeconds": 60.0,
        "automation": "always",
        "confidenceThreshold": 0.5,
        "maxFailures": 9,
        "duplicatePolicy": "allow",
        "expiresAfterSeconds": 600.0,
        "autoStart": True,
    }
    assert {ProcessingSettings.model_fields[key].alias for key in SCHEDULING_KEYS} == scheduling.keys()
    bench.create(**own, **scheduling)
    job = {"id": str(job_id(1)), "externalId": "inv-7", "metadata": {"page": 1}, "document": {"uri": "s3://b/1.pdf"}}
    event = only(bench.send(names.JOB_ADD, groupId=str(GROUP_ID), jobs=[job]), JobDispatched)
    assert event.settings == own
    assert (event.external_id, event.metadata, event.template) == ("inv-7", {"page": 1}, WRITABLE["template"])
    assert (event.document.uri, event.attempt) == ("s3://b/1.pdf", 1)


def test_the_lease_is_as_long_as_the_settings_say(bench: GroupInMemory) -> None:
    bench.create(jobTimeoutSeconds=90)
    event = only(bench.add(), JobDispatched)
    assert event.lease_expires_at == bench.job(1).lease_expires_at == START + timedelta(seconds=90)


# Attempts


def test_a_job_fails_for_good_after_max_attempts() -> None:
    bench = group_of(1, maxAttempts=2, retryBackoff={"initialSeconds": 10})
    scheduled = only(bench.fail(1, retryable=True), JobRetryScheduled)
    assert scheduled.next_attempt_at == START + timedelta(seconds=10)
    bench.wait(10)
    assert dispatched(bench.ask("wake")) == [1]
    assert only(bench.fail(1, retryable=True), JobFailed).attempt == 2
    assert (bench.status, bench.job(1).attempts) == (Status.FAILED, 2)


def test_an_error_that_is_not_retryable_is_the_last() -> None:
    bench = group_of(1, maxAttempts=5)
    assert only(bench.fail(1), JobFailed).error.code == "unreadable"


def test_a_failure_without_a_reason_is_tried_again() -> None:
    bench = group_of(1)
    assert only(bench.report(1, status="failed"), JobRetryScheduled).error.code == "failed"


@pytest.mark.parametrize(
    ("rule", "waits"),
    [
        ({}, [5, 10, 20, 40]),
        ({"initialSeconds": 3, "factor": 1}, [3, 3, 3, 3]),
        ({"initialSeconds": 2, "factor": 10, "maxSeconds": 150}, [2, 20, 150, 150]),
        ({"initialSeconds": 600}, [300, 300, 300, 300]),
        ({"initialSeconds": 0}, [0, 0, 0, 0]),
    ],
)
def test_the_wait_grows_by_the_factor_up_to_the_maximum(rule: dict[str, Any], waits: list[int]) -> None:
    settings = ProcessingSettings.model_validate({"retryBackoff": rule})
    assert [backoff(attempt, settings).total_seconds() for attempt in (1, 2, 3, 4)] == waits


def test_the_wait_after_very_many_attempts_does_not_overflow() -> None:
    rule = {"initialSeconds": 366 * 86_400, "factor": 100, "maxSeconds": 60}
    settings = ProcessingSettings.model_validate({"retryBackoff": rule})
    assert backoff(10**9, settings) == timedelta(seconds=60)


def test_a_lapsed_lease_is_a_failed_attempt() -> None:
    bench = group_of(1, jobTimeoutSeconds=60, maxAttempts=2)
    bench.wait(59)
    assert bench.ask("wake") == []
    bench.wait(1)
    assert only(bench.ask("wake"), JobRetryScheduled).error.code == "lease_expired"
    bench.wait(5)
    bench.ask("wake")
    bench.wait(60)
    assert only(bench.ask("wake"), JobFailed).error.code == "lease_expired"


def test_a_report_counts_until_its_lapsed_lease_is_collected() -> None:
    bench = group_of(1, jobTimeoutSeconds=60)
    bench.wait(61)
    assert names_of(bench.report(1)) == [names.JOB_SUCCEEDED, names.JOB_GROUP_COMPLETED]


# Duplicates


def test_duplicates_are_skipped_by_default() -> None:
    bench = group_of(1, last=False)
    bench.add(1, last=False, sha256="a" * 64)
    happened = bench.send(names.JOB_ADD, **addition(3, 4, sha256="a" * 64))
    assert names_of(happened) == [
        names.JOB_GROUP_JOBS_ADDED,
        *[names.JOB_SKIPPED] * 2,
        names.JOB_GROUP_SEALED,
    ]
    assert bench.group.counts == Counts(processing=2, skipped=2)


def test_a_duplicate_within_one_command_is_skipped_but_the_first(bench: GroupInMemory) -> None:
    bench.create()
    assert dispatched(bench.add(3, sha256="a" * 64)) == [1]
    assert bench.statuses() == ["processing", "skipped", "skipped"]


def test_duplicates_are_allowed_where_the_policy_says_so(bench: GroupInMemory) -> None:
    bench.create(duplicatePolicy="allow")
    assert dispatched(bench.add(3, sha256="a" * 64)) == [1, 2, 3]


def test_duplicates_are_refused_by_name_where_the_policy_says_so(bench: GroupInMemory) -> None:
    bench.create(duplicatePolicy="reject")
    bench.add(1, last=False, sha256="a" * 64)
    with pytest.raises(ValidationFailed) as refused:
        bench.send(names.JOB_ADD, **addition(2, 3, sha256="a" * 64))
    fields = [error.field for error in refused.value.facts["errors"]]
    assert fields == ["jobs.0.document.sha256", "jobs.1.document.sha256"]
    assert bench.statuses() == ["processing"]


def test_documents_without_a_hash_are_never_duplicates(bench: GroupInMemory) -> None:
    bench.create(duplicatePolicy="reject")
    assert dispatched(bench.add(2)) == [1, 2]


def test_a_group_of_nothing_but_duplicates_completes() -> None:
    bench = group_of(1, last=False)
    bench.add(1, last=False, sha256="a" * 64)
    bench.report(1, 2)
    assert names_of(bench.add(1, sha256="a" * 64))[-1] == names.JOB_GROUP_COMPLETED
    assert (bench.status, bench.group.counts) == (Status.COMPLETED, Counts(succeeded=2, skipped=1))
