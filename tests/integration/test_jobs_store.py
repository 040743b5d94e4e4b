"""Jobs through the one transaction, on a real PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from models.commands import CommandEnvelope, parse_command
from models.lifecycle import Counts, JobStatus
from models.store.engine import make_engine
from models.store.tables import job_groups, jobs
from tasks.handling import _outcome
from tasks.settling import settle
from tests.integration.stored_groups import (
    BUSY,
    GROUP_ID,
    StoredGroups,
    addition,
    creation,
    failure_of,
    job_id,
    report_on,
    reports,
    review,
    verb,
)
from tests.unit.group_in_memory import GroupInMemory, InMemory

OTHER_ID = UUID(int=GROUP_ID.int + 1)
GROUP_IDS = [UUID(int=GROUP_ID.int + number) for number in range(3)]
VERBS = [*["retry", "resume"] * 8, *["pause", "seal", "wake"] * 2, "start", "cancel"]


@pytest.fixture
def store(clean_database: str) -> Iterator[StoredGroups]:
    engine = make_engine(clean_database)
    yield StoredGroups(engine)
    engine.dispose()


def test_a_job_is_stored_whole_and_read_back(store: StoredGroups) -> None:
    document = {"filename": "1.pdf", "mimeType": "application/pdf", "sha256": "a" * 64, "pageCount": 2}
    store.apply(creation(), addition(1, **document))
    store.apply(reports(report_on(1, confidence=0.25, result={"total": "1e3", "lines": [None, {"vat": 7.7}]})))
    (job,) = store.jobs()
    assert job["document"] == {"uri": "file:///scans/1.pdf", **document}
    assert (job["confidence"], job["result"]) == (0.25, {"total": "1e3", "lines": [None, {"vat": 7.7}]})
    store.apply(review(1, "accept"))
    (accepted,) = store.jobs()
    unchanged = set(accepted) - {"status", "updated_at", "finished_at"}
    assert {name: accepted[name] for name in unchanged} == {name: job[name] for name in unchanged}


def test_everything_about_an_attempt_is_stored(store: StoredGroups) -> None:
    store.apply(creation(jobTimeoutSeconds=60, maxAttempts=2), addition(1))
    (job,) = store.jobs()
    assert job["lease_expires_at"] - job["dispatched_at"] == timedelta(seconds=60)
    store.apply(reports(failure_of(1, **BUSY)))
    (job,) = store.jobs()
    assert (job["status"], job["attempts"], job["max_attempts"], job["error"]) == ("queued", 1, 2, BUSY)
    assert job["next_attempt_at"] - job["updated_at"] == timedelta(seconds=5)
    assert (job["lease_expires_at"], job["finished_at"]) == (None, None)


def test_the_same_job_id_in_two_groups_is_two_jobs(store: StoredGroups) -> None:
    store.apply(creation(), creation(OTHER_ID), addition(1), addition(1, group_id=OTHER_ID))
    store.apply(reports(report_on(1)), reports(failure_of(1, group_id=OTHER_ID)))
    assert (store.statuses(), store.statuses(OTHER_ID)) == (["succeeded"], ["failed"])
    store.apply(verb("retry", OTHER_ID))
    assert (store.statuses(), store.statuses(OTHER_ID)) == (["succeeded"], ["processing"])
    store.check()
    store.check(OTHER_ID)


def test_a_document_is_a_duplicate_of_what_its_own_group_has(store: StoredGroups) -> None:
    store.apply(creation(), creation(OTHER_ID), addition(1, last=False, sha256="a" * 64))
    store.apply(addition(2, sha256="a" * 64), addition(2, group_id=OTHER_ID, sha256="a" * 64))
    assert (store.statuses(), store.statuses(OTHER_ID)) == (["processing", "skipped"], ["processing"])


def test_a_redelivered_command_has_its_outcome_and_no_second_effect(store: StoredGroups) -> None:
    asked = [creation(), addition(1), reports(report_on(1))]
    first = store.send(*asked)
    events = store.event_names()
    assert store.send(*asked, *asked) == first * 2
    assert store.event_names() == events


def test_the_next_jobs_are_those_of_the_lowest_numbers(store: StoredGroups) -> None:
    store.apply(creation(maxConcurrency=2), addition(*range(1, 8), last=False))
    assert processing(store) == [1, 2]
    stale = reports(report_on(3), report_on(5), report_on(6))
    store.apply(stale, addition(8, 9), reports(report_on(2)))
    assert processing(store) == [1, 3]
    store.apply(reports(failure_of(1, **BUSY)), reports(failure_of(3)))
    assert processing(store) == [4, 5]


def test_a_retried_job_goes_before_those_that_were_added_after_it(store: StoredGroups) -> None:
    store.apply(creation(maxConcurrency=1, retryBackoff={"initialSeconds": 0}), addition(*range(1, 5)))
    store.apply(reports(failure_of(1)))
    assert processing(store) == [2]
    store.apply(verb("retry", jobIds=[str(job_id(1))]), reports(report_on(2), report_on(4)))
    assert processing(store) == [1]
    store.apply(reports(failure_of(1, attempt=2, **BUSY)))
    assert processing(store) == [1]


def test_what_changed_in_memory_is_not_read_again_from_its_row(store: StoredGroups) -> None:
    store.apply(creation(maxConcurrency=1), addition(1, 2, 3))
    store.apply(verb("cancel"), reports(report_on(1)), verb("retry", jobIds=[str(job_id(3))]))
    assert store.statuses() == ["cancelled", "cancelled", "processing"]
    store.check()


def processing(store: StoredGroups) -> list[int]:
    return [job["number"] for job in store.jobs() if job["status"] == "processing"]


def test_time_that_has_passed_is_found_in_the_rows(store: StoredGroups) -> None:
    store.apply(creation(maxConcurrency=1, expiresAfterSeconds=600), addition(1, 2, 3))
    past = datetime.now(UTC) - timedelta(seconds=1)
    with store.engine.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.number == 1).values(lease_expires_at=past))
    store.apply(verb("wake"))
    assert store.statuses() == ["queued", "processing", "queued"]
    with store.engine.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.number == 1).values(next_attempt_at=past))
    store.apply(reports(report_on(2)))
    assert store.statuses() == ["processing", "succeeded", "queued"]
    with store.engine.begin() as connection:
        connection.execute(update(job_groups).values(expires_at=past))
    store.apply(verb("wake"))
    assert (store.group()["status"], store.statuses()) == ("expired", ["processing", "succeeded", "expired"])
    store.check()


def test_a_wake_up_with_nothing_due_writes_nothing(store: StoredGroups) -> None:
    store.apply(creation(), addition(1))
    before, history = store.group(), store.event_names()
    store.apply(verb("wake"))
    assert (store.group(), store.event_names()) == (before, history)


def test_five_thousand_queued_jobs_end_with_their_group_and_are_tried_again(store: StoredGroups) -> None:
    added = [addition(*range(first, first + 1000)) for first in range(1, 5001, 1000)]
    store.apply(creation(maxConcurrency=1), *added)
    assert store.counts() == Counts(queued=4999, processing=1)
    store.apply(verb("cancel"))
    assert store.counts() == Counts(cancelled=4999, processing=1)
    store.apply(reports(report_on(1)))
    assert (store.group()["status"], store.counts()) == ("cancelled", Counts(cancelled=5000))
    store.apply(verb("retry"))
    assert (store.group()["generation"], store.counts()) == (2, Counts(queued=4999, processing=1))
    assert processing(store) == [1]
    store.check()


@pytest.mark.parametrize("seed", [1, 2])
def test_batches_leave_the_database_as_they_leave_the_memory(store: StoredGroups, seed: int) -> None:
    """Everything loaded against only what is needed: a command that finds less than it should tells here."""
    random, bench = Random(seed), GroupInMemory()
    for batch in random_batches(random, bench):
        outcomes = [(outcome.status, outcome.version) for outcome in store.send(*batch)]
        assert outcomes == send_to_memory(bench, batch)
        for group_id in GROUP_IDS:
            assert stored_state(store, group_id) == state_in_memory(bench, group_id)
            store.check(group_id)


def random_batches(random: Random, bench: GroupInMemory) -> Iterator[list[CommandEnvelope]]:
    """Small ones, so that much is dispatched and reported on, with one of 500 among them."""
    settings = {"maxConcurrency": 12, "maxFailures": 12, "retryBackoff": {"initialSeconds": 0}}
    yield [creation(group_id, **settings) for group_id in GROUP_IDS]
    for size in [*random.choices(range(1, 25), k=30), 500, *random.choices(range(1, 25), k=15)]:
        yield [random_command(random, bench, random.choice(GROUP_IDS)) for _ in range(size)]


def random_command(random: Random, bench: GroupInMemory, group_id: UUID) -> CommandEnvelope:
    numbers = random.sample(range(1, 40), random.randint(1, 4))
    match random.choices(["add", "report", "review", "patch", "verb"], [10, 50, 10, 5, 25]):
        case ["add"]:
            document = {"sha256": random.choice("abcd") * 64} if random.random() < 0.3 else {}
            fresh = [number + random.choice([0, 40, 80]) for number in numbers]
            return addition(*fresh, group_id=group_id, last=random.random() < 0.3, **document)
        case ["report"]:
            return reports(*(random_report(random, bench, group_id) for _ in range(random.randint(1, 6))))
        case ["review"]:
            return review(
                job_in(random, bench, group_id, JobStatus.NEEDS_REVIEW), random.choice(["accept", "reject"]), group_id
            )
        case ["patch"]:
            return verb("patch", group_id, patch={"name": f"batch {numbers[0]}"})
        case _:
            return verb(random.choice(VERBS), group_id)


def random_report(random: Random, bench: GroupInMemory, group_id: UUID) -> dict[str, Any]:
    number = job_in(random, bench, group_id, JobStatus.PROCESSING)
    job = bench.loaded[group_id].jobs.get(job_id(number))
    attempt = job.attempts if job and job.attempts and random.random() < 0.8 else random.choice([1, 2, 3])
    if random.random() < 0.4:
        return failure_of(number, attempt, group_id, retryable=random.random() < 0.6)
    return report_on(number, attempt, group_id, confidence=random.random())


def job_in(random: Random, bench: GroupInMemory, group_id: UUID, status: JobStatus) -> int:
    """Return the number in the id of a job of that `status`, mostly; else of any, or of none."""
    there = [job.id.int for job in bench.loaded[group_id].jobs.values() if job.status is status]
    return random.choice(there) if there and random.random() < 0.8 else random.randint(1, 40)


def send_to_memory(bench: GroupInMemory, batch: list[CommandEnvelope]) -> list[tuple[str, int | None]]:
    work = InMemory(datetime.now(UTC), bench.loaded)
    outcomes = [_outcome(work, envelope, parse_command(envelope)) for envelope in batch]
    settle(work)
    return [(outcome.status, outcome.version) for outcome in outcomes]


def stored_state(store: StoredGroups, group_id: UUID) -> list[Any]:
    group = store.group(group_id)
    told = [group[name] for name in ("status", "sealed", "generation", "version", "sequence")]
    return told + [(job["number"], job["status"], job["attempts"], job["max_attempts"]) for job in store.jobs(group_id)]


def state_in_memory(bench: GroupInMemory, group_id: UUID) -> list[Any]:
    group, kept = bench.loaded[group_id].group, bench.loaded[group_id].jobs.values()
    assert group is not None
    told = [group.status, group.sealed, group.generation, group.version, group.sequence]
    in_order = sorted(kept, key=lambda job: job.number)
    return told + [(job.number, job.status, job.attempts, job.max_attempts) for job in in_order]
