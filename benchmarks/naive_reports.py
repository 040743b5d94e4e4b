"""Job reports as a straightforward program handles them: one transaction for each, on our own tables."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, create_engine, func, insert, select, update
from uuid_utils.compat import uuid7

from models.store.tables import commands, events, job_groups, jobs


def handle_each(database_url: str, group_id: UUID, reports: Sequence[dict[str, Any]]) -> None:
    """Let each of `reports`, all of them of successes, take effect in a transaction of its own."""
    engine = create_engine(database_url)
    for report in reports:
        with engine.begin() as connection:
            _handle(connection, group_id, report)
    engine.dispose()


def _handle(connection: Connection, group_id: UUID, report: dict[str, Any]) -> None:
    now, command_id = datetime.now(UTC), str(uuid7())
    this_group = job_groups.c.id == group_id
    this_job = (jobs.c.group_id == group_id) & (jobs.c.id == UUID(report["jobId"]))
    sequence = connection.execute(select(job_groups.c.sequence).where(this_group).with_for_update()).scalar_one()
    status, attempts = connection.execute(select(jobs.c.status, jobs.c.attempts).where(this_job)).one()
    if (status, attempts) != ("processing", report["attempt"]):
        raise LookupError(f"job {report['jobId']} is {status}, attempt {attempts}")
    connection.execute(
        update(jobs).where(this_job).values(
            status="succeeded", confidence=report["confidence"], result=report["result"], lease_expires_at=None,
            updated_at=now, finished_at=now,
        )
    )  # fmt: skip
    connection.execute(
        update(job_groups).where(this_group).values(
            processing_count=job_groups.c.processing_count - 1, succeeded_count=job_groups.c.succeeded_count + 1,
            sequence=sequence + 1, version=job_groups.c.version + 1, updated_at=now,
        )
    )  # fmt: skip
    event = {"group_id": group_id, "id": uuid7(), "sequence": sequence + 1, "name": "job.succeeded", "data": report}
    connection.execute(insert(events).values(event | {"occurred_at": now, "causation_id": command_id}))
    outcome = {"status": "succeeded"}
    inbox = {"id": command_id, "fingerprint": func.sha256(command_id.encode()), "group_id": group_id}
    connection.execute(insert(commands).values(inbox | {"outcome": outcome, "handled_at": now}))
