"""Every query for jobs uses an index, whether PostgreSQL plans it for its parameters or once for all of them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from models.fields import ProcessingSettings
from models.job import Job, new_job
from models.job_commands import Document, NewJob
from models.lifecycle import JobStatus
from models.store.bulk import write_rows
from models.store.job_reader import JobReader
from models.store.job_rows import job_row
from models.store.tables import jobs
from tests.integration.sample_groups import plain_group, store

NOW = datetime(2026, 1, 31, tzinfo=UTC)
GROUP_IDS = [UUID(int=number) for number in range(1, 101)]
JOBS_PER_GROUP = 100
STATUSES = [*[JobStatus.SUCCEEDED] * 95, *[JobStatus.FAILED, JobStatus.QUEUED] * 2, JobStatus.PROCESSING]
"""Most of what a group holds is through; the last of a hundred is with an engine."""

Ask = Callable[[JobReader], object]

QUERIES: list[tuple[str, Ask, str]] = [
    ("named", lambda reader: reader.named([(GROUP_IDS[3], UUID(int=7)), (GROUP_IDS[4], UUID(int=8))]), "pk_jobs"),
    ("retryable", lambda reader: reader.retryable(GROUP_IDS[:1]), "Index Cond: (group_id = ANY"),
    ("overdue", lambda reader: reader.overdue(GROUP_IDS[:2], NOW), "ix_jobs_lease"),
    ("queued", lambda reader: reader.queued(GROUP_IDS[5]), "ix_jobs_queued"),
    ("due", lambda reader: reader.due({GROUP_IDS[1]: 5, GROUP_IDS[2]: 9}, NOW), "ix_jobs_queued"),
    ("known_documents", lambda reader: reader.known_documents([(GROUP_IDS[1], f"{5:064x}")]), "ix_jobs_document"),
]


@pytest.fixture(scope="module")
def large_table(database_url: str) -> Iterator[Connection]:
    """A connection to a database with jobs enough that reading them all would be the slow way."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE job_groups CASCADE"))
    store(database_url, [plain_group(group_id.int - 1) for group_id in GROUP_IDS])
    with engine.begin() as connection:
        for group_id in GROUP_IDS:
            samples = [sample_job(group_id, number) for number in range(JOBS_PER_GROUP)]
            write_rows(connection, {jobs: [job_row(job) for job in samples]})
        connection.execute(text("ANALYZE jobs"))
    with engine.connect() as connection:
        yield connection
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE job_groups CASCADE"))


def sample_job(group_id: UUID, number: int) -> Job:
    asked = NewJob.model_construct(
        id=UUID(int=number), external_id=None, document=sample_document(number), metadata={"page": number}
    )
    job = new_job(asked, group_id, number + 1, ProcessingSettings(), NOW)
    status = STATUSES[number % len(STATUSES)]
    lease = NOW + timedelta(minutes=number) if status is JobStatus.PROCESSING else None
    return Job(**{**{name: getattr(job, name) for name in Job.__slots__}, "status": status, "lease_expires_at": lease})


def sample_document(number: int) -> Document:
    return Document.model_validate({"uri": f"file:///scans/{number}.pdf", "sha256": f"{number:064x}"})


def plans_of(connection: Connection, ask: Ask) -> list[str]:
    """Return how PostgreSQL runs a query of the reader: for these parameters, and for any."""
    noted: list[tuple[str, dict[str, Any]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        noted.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    ask(JobReader(connection))
    event.remove(connection, "before_cursor_execute", note)
    ((statement, parameters),) = noted
    numbers = count(1)
    for_any = statement % {name: f"${next(numbers)}" for name in parameters}
    explained = [(f"EXPLAIN {statement}", parameters), (f"EXPLAIN (GENERIC_PLAN) {for_any}", None)]
    return ["\n".join(connection.exec_driver_sql(*asked).scalars()) for asked in explained]


@pytest.mark.parametrize(("ask", "index"), [pytest.param(*rest, id=name) for name, *rest in QUERIES])
def test_a_query_for_jobs_uses_its_index(large_table: Connection, ask: Ask, index: str) -> None:
    for plan in plans_of(large_table, ask):
        assert "Seq Scan" not in plan, plan
        assert index in plan, plan


def test_no_query_for_jobs_is_left_out() -> None:
    asked = {name for name in vars(JobReader) if not name.startswith("_")}
    assert asked == {name for name, *_ in QUERIES}


def test_the_next_jobs_are_read_in_their_order_from_the_index(large_table: Connection) -> None:
    for plan in plans_of(large_table, lambda reader: reader.due({GROUP_IDS[1]: 5}, NOW)):
        assert "Sort" not in plan, plan
