"""The plain way to write over HTTP: FastAPI and SQLAlchemy, one transaction for each request, no queue.

With our own contracts, rows and tables, so that only the way differs: an inbox row, the group, its event.

    PLAIN_DATABASE_URL=… PLAIN_API_KEY=… PLAIN_PORT=… PLAIN_PROCESSES=… python -m benchmarks.peers.plain_endpoint
"""

import os
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy import create_engine, insert, select
from uuid_utils.compat import uuid7

from models import names
from models.events import JobGroupCreated
from models.fields import JobGroupFields
from models.job_group import JobGroup
from models.lifecycle import Intent
from models.resources import JobGroupResource
from models.store.group_rows import group_of, row_of
from models.store.tables import commands, events, job_groups

API_KEY = os.environ["PLAIN_API_KEY"]
MAX_CONNECTIONS_COUNT = 32
"""Of all processes together: as many as there are callers."""
PROCESSES = int(os.environ["PLAIN_PROCESSES"])

app = FastAPI()
engine = create_engine(os.environ["PLAIN_DATABASE_URL"], pool_size=MAX_CONNECTIONS_COUNT // PROCESSES, max_overflow=0)


async def _require_key(x_api_key: Annotated[str, Header()]) -> None:
    if x_api_key != API_KEY:
        raise HTTPException(401)


@app.post("/job-groups", status_code=201, dependencies=[Depends(_require_key)])
def create(fields: JobGroupFields) -> JobGroupResource:
    now, command_id = datetime.now(UTC), str(uuid7())
    group = JobGroup(uuid7(), fields, Intent.ACTIVE, now, now, version=1, sequence=1, started_at=now)
    event = JobGroupCreated(group_id=group.id, version=1, status=group.status, group=fields)
    with engine.begin() as connection:
        connection.execute(insert(job_groups), row_of(group))
        connection.execute(insert(events), _event_row(event, command_id, now))
        connection.execute(insert(commands), _command_row(group, command_id, now))
    return JobGroupResource.of(group)


@app.get("/job-groups/{id}", dependencies=[Depends(_require_key)])
def read(id: UUID) -> JobGroupResource:
    with engine.connect() as connection:
        found = connection.execute(select(job_groups).where(job_groups.c.id == id))
        row = found.mappings().one_or_none()
    if row is None:
        raise HTTPException(404)
    return JobGroupResource.of(group_of(row))


def _event_row(event: JobGroupCreated, command_id: str, now: datetime) -> dict[str, object]:
    return {
        "group_id": event.group_id,
        "id": uuid7(),
        "sequence": 1,
        "name": event.name,
        "data": event.model_dump(mode="json"),
        "occurred_at": now,
        "actor": API_KEY,
        "correlation_id": command_id,
        "causation_id": command_id,
    }


def _command_row(group: JobGroup, command_id: str, now: datetime) -> dict[str, object]:
    return {
        "id": command_id,
        "fingerprint": bytes(32),
        "group_id": group.id,
        "outcome": {"commandId": command_id, "status": "succeeded", "type": names.JOB_GROUP_CREATE, "version": 1},
        "handled_at": now,
    }


if __name__ == "__main__":
    uvicorn.run(
        "benchmarks.peers.plain_endpoint:app",
        port=int(os.environ["PLAIN_PORT"]),
        workers=PROCESSES,
        http="httptools",
        access_log=False,
        log_level="warning",
    )
