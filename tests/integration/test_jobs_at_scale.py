"""A thousand jobs with every message repeated at random; and eight processes that report on the same groups at once."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from models import names
from models.commands import CommandEnvelope
from models.lifecycle import Counts
from models.loaded import Needs
from models.store.engine import make_engine
from models.store.unit_of_work import UnitOfWork
from tests.integration.stored_groups import (
    BUSY,
    GROUP_ID,
    StoredGroups,
    addition,
    creation,
    failure_of,
    report_on,
    reports,
    review,
)

JOB_COUNT = 1000
FAILING = 200
DOUBTFUL = 100
PROCESS_COUNT = 8
OTHER_ID = UUID(int=GROUP_ID.int + 1)


@pytest.fixture
def store(clean_database: str) -> Iterator[StoredGroups]:
    engine = make_engine(clean_database)
    yield StoredGroups(engine)
    engine.dispose()


class Engines:
    """OCR engines that read whatever is dispatched. Messages reach the service in any order, some of them again."""

    def __init__(self, store: StoredGroups, seed: int) -> None:
        self.store = store
        self.random = Random(seed)
        shuffled = self.random.sample(range(1, JOB_COUNT + 1), JOB_COUNT)
        self.failing, self.doubtful = set(shuffled[:FAILING]), set(shuffled[FAILING:][:DOUBTFUL])
        self.seen_ordinal = 0
        self.waiting: list[CommandEnvelope] = []

    def run(self) -> None:
        """Work until there is nothing left to report."""
        self.take_dispatches()
        while self.waiting:
            self.random.shuffle(self.waiting)
            batch, self.waiting = self.waiting[:20], self.waiting[20:]
            self.store.apply(*batch)
            self.take_dispatches()

    def take_dispatches(self) -> None:
        for event in self.store.dispatched_after(self.seen_ordinal):
            self.seen_ordinal = event["ordinal"]
            self.tell(self.read(event["data"]))

    def read(self, dispatched: dict[str, Any]) -> dict[str, Any]:
        number, attempt = UUID(dispatched["jobId"]).int, dispatched["attempt"]
        if number in self.failing:
            return failure_of(number, attempt, retryable=number % 2 == 0)
        return report_on(number, attempt, confidence=0.3 if number in self.doubtful else 0.9)

    def tell(self, report: dict[str, Any]) -> None:
        """The message, perhaps delivered again, and perhaps told again under another id."""
        self.send(reports(report))
        if self.random.random() < 0.3:
            self.send(reports(*[report] * self.random.randint(1, 3)))

    def send(self, message: CommandEnvelope) -> None:
        self.waiting += [message] * self.random.choice([1, 1, 2, 3])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_jobs_end_right_however_often_each_message_comes(store: StoredGroups, seed: int) -> None:
    settings = {"maxConcurrency": 150, "maxAttempts": 2, "retryBackoff": {"initialSeconds": 0}}
    added = addition(*range(1, JOB_COUNT + 1))
    store.apply(creation(**settings), added, added)
    engines = Engines(store, seed)
    engines.run()
    succeeded = JOB_COUNT - FAILING - DOUBTFUL
    assert store.group()["status"] == "awaiting_review"
    assert store.counts() == Counts(succeeded=succeeded, failed=FAILING, needs_review=DOUBTFUL)
    reviewed = [review(number, "reject" if number % 3 == 0 else "accept") for number in engines.doubtful]
    store.apply(*reviewed, *reviewed)
    rejected = sum(number % 3 == 0 for number in engines.doubtful)
    accepted = DOUBTFUL - rejected
    assert store.counts() == Counts(succeeded=succeeded + accepted, failed=FAILING, rejected=rejected)
    assert store.group()["status"] == "completed_with_errors"
    store.check()
    happened = Counter(store.event_names())
    retried = {number for number in engines.failing if number % 2 == 0}
    assert happened["job.dispatched.medium"] == JOB_COUNT + len(retried)
    assert happened[names.JOB_RETRY_SCHEDULED] == len(retried)
    assert happened[names.JOB_FAILED] == FAILING
    assert happened[names.JOB_GROUP_COMPLETED] == 1
    assert all(
        job["attempts"] == 1 + (job["number"] in engines.failing and job["number"] % 2 == 0) for job in store.jobs()
    )


def test_processes_that_report_on_the_same_groups_at_once_count_each_job_once(store: StoredGroups) -> None:
    for group_id in (GROUP_ID, OTHER_ID):
        store.apply(creation(group_id, maxAttempts=1, maxConcurrency=300), addition(*range(1, 401), group_id=group_id))
    url = store.engine.url.render_as_string(hide_password=False)
    with multiprocessing.get_context("spawn").Pool(PROCESS_COUNT) as pool:
        reported = pool.starmap(report_everything, [(url, seed) for seed in range(PROCESS_COUNT)], chunksize=1)
    assert len(reported) == PROCESS_COUNT
    for group_id in (GROUP_ID, OTHER_ID):
        assert store.counts(group_id) == Counts(succeeded=320, failed=80)
        assert store.group(group_id)["status"] == "completed_with_errors"
        store.check(group_id)
        happened = Counter(store.event_names(group_id))
        assert (happened[names.JOB_SUCCEEDED], happened[names.JOB_FAILED]) == (320, 80)
        assert happened["job.dispatched.medium"] == 400


def test_a_group_is_locked_from_its_loading_to_the_commit(store: StoredGroups) -> None:
    store.apply(creation())
    locking = text("SELECT id FROM job_groups FOR NO KEY UPDATE SKIP LOCKED")
    with store.engine.begin() as connection, create_engine(store.engine.url, poolclass=NullPool).begin() as another:
        UnitOfWork(connection, now=datetime.now(UTC)).load({GROUP_ID: Needs()})
        assert another.execute(locking).all() == []
        connection.rollback()
        assert another.execute(locking).scalars().all() == [GROUP_ID]


def report_everything(url: str, seed: int) -> int:
    """Report on every job of both groups, in an order of this process's own, until all are through; return how many
    transactions that took. Half of the commands have the ids that the other processes use too."""
    engine = make_engine(url)
    try:
        return _report_all(StoredGroups(engine), Random(seed))
    finally:
        engine.dispose()


def _report_all(store: StoredGroups, random: Random) -> int:
    transactions = 0
    while open_jobs := [
        (group_id, number)
        for group_id in (GROUP_ID, OTHER_ID)
        for number, status in enumerate(store.statuses(group_id), 1)
        if status == "processing"
    ]:
        random.shuffle(open_jobs)
        for start in range(0, len(open_jobs), 25):
            store.apply(*(_one_report(random, *job) for job in open_jobs[start : start + 25]))
            transactions += 1
    return transactions


def _one_report(random: Random, group_id: UUID, number: int) -> CommandEnvelope:
    told = reports(failure_of(number, 1, group_id, **BUSY) if number % 5 == 0 else report_on(number, 1, group_id))
    id_ = f"{group_id}/{number}" if number % 2 else f"{random.getrandbits(64)}/{group_id}/{number}"
    return told.model_copy(update={"id": id_})
