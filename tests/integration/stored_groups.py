"""Groups in a real database, to send commands to and to look into."""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, RowMapping, Table, select

from models import names
from models.commands import CommandEnvelope
from models.lifecycle import Counts
from models.outcome import Outcome
from models.store.tables import events, job_groups, jobs
from tasks.handling import handle

GROUP_ID = UUID(int=0x10000000000070008000000000000001)
TERMINAL_EVENTS = {names.JOB_GROUP_COMPLETED, names.JOB_GROUP_CANCELLED, names.JOB_GROUP_EXPIRED}
UNREADABLE = {"code": "unreadable", "message": "no text on the page", "retryable": False}
BUSY = {"code": "busy", "message": "come again", "retryable": True}

_ids = count(1)


class StoredGroups:
    """What is asked of the database goes through `handle`; what it holds is read from its tables."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def send(self, *envelopes: CommandEnvelope) -> list[Outcome]:
        """Carry out commands in one transaction."""
        return handle(self.engine, envelopes)

    def apply(self, *envelopes: CommandEnvelope) -> None:
        """Carry out commands that must succeed."""
        refused = [outcome for outcome in self.send(*envelopes) if outcome.status != "succeeded"]
        assert not refused, refused

    def group(self, group_id: UUID = GROUP_ID) -> RowMapping:
        with self.engine.connect() as connection:
            query = select(job_groups).where(job_groups.c.id == group_id)
            return connection.execute(query).mappings().one()

    def counts(self, group_id: UUID = GROUP_ID) -> Counts:
        group = self.group(group_id)
        return Counts(**{bucket: group[f"{bucket}_count"] for bucket in Counts.__slots__})

    def jobs(self, group_id: UUID = GROUP_ID) -> Sequence[RowMapping]:
        return self._rows(jobs, group_id, jobs.c.number)

    def statuses(self, group_id: UUID = GROUP_ID) -> list[str]:
        return [job["status"] for job in self.jobs(group_id)]

    def events(self, group_id: UUID = GROUP_ID) -> Sequence[RowMapping]:
        return [event for event in self._rows(events, group_id, events.c.ordinal) if event["sequence"] is not None]

    def event_names(self, group_id: UUID = GROUP_ID) -> list[str]:
        return [event["name"] for event in self.events(group_id)]

    def dispatched_after(self, ordinal: int, group_id: UUID = GROUP_ID) -> list[RowMapping]:
        """Return the dispatches since the event `ordinal`."""
        query = select(events).where(events.c.group_id == group_id, events.c.ordinal > ordinal)
        found = query.where(events.c.name.like(f"{names.JOB_DISPATCHED}.%")).order_by(events.c.ordinal)
        with self.engine.connect() as connection:
            return list(connection.execute(found).mappings())

    def _rows(self, table: Table, group_id: UUID, order: Any) -> Sequence[RowMapping]:
        with self.engine.connect() as connection:
            query = select(table).where(table.c.group_id == group_id).order_by(order)
            return connection.execute(query).mappings().all()

    def check(self, group_id: UUID = GROUP_ID) -> None:
        """Assert what must hold of a group whatever happened to it."""
        stored = self.jobs(group_id)
        assert self.counts(group_id) == Counts(**Counter(job["status"] for job in stored))
        assert [job["number"] for job in stored] == list(range(1, len(stored) + 1))
        history = self.events(group_id)
        group = self.group(group_id)
        assert [event["sequence"] for event in history] == list(range(1, group["sequence"] + 1))
        assert {event["data"]["version"] for event in history} == set(range(1, group["version"] + 1))
        ends = [event["data"]["generation"] for event in history if event["name"] in TERMINAL_EVENTS]
        assert len(set(ends)) == len(ends)
        assert (group["generation"] in ends) == (group["finished_at"] is not None)


def command(type_: str, **data: Any) -> CommandEnvelope:
    """Return a command of its own id."""
    return CommandEnvelope(id=f"command-{next(_ids)}", type=type_, data=data)


def creation(group_id: UUID = GROUP_ID, **settings: Any) -> CommandEnvelope:
    return command(
        names.JOB_GROUP_CREATE, id=str(group_id), name="January", template="standard", processingSettings=settings
    )


def addition(*numbers: int, group_id: UUID = GROUP_ID, last: bool = True, **document: Any) -> CommandEnvelope:
    jobs = [{"id": str(job_id(n)), "document": {"uri": f"file:///scans/{n}.pdf", **document}} for n in numbers]
    return command(names.JOB_ADD, groupId=str(group_id), jobs=jobs, last=last)


def verb(name: str, group_id: UUID = GROUP_ID, **data: Any) -> CommandEnvelope:
    return command(f"job_group.{name}", id=str(group_id), **data)


def job_id(number: int) -> UUID:
    return UUID(int=number)


def report_on(number: int, attempt: int = 1, group_id: UUID = GROUP_ID, **report: Any) -> dict[str, Any]:
    report = {"status": "succeeded", "confidence": 0.95, "result": {"total": number}, **report}
    return {"groupId": str(group_id), "jobId": str(job_id(number)), "attempt": attempt, **report}


def failure_of(number: int, attempt: int = 1, group_id: UUID = GROUP_ID, **error: Any) -> dict[str, Any]:
    """Return the report that an attempt failed, for good if `error` does not say otherwise."""
    failed = {"status": "failed", "confidence": None, "result": None, "error": {**UNREADABLE, **error}}
    return report_on(number, attempt, group_id, **failed)


def reports(*told: dict[str, Any]) -> CommandEnvelope:
    return command(names.JOB_REPORT, reports=list(told))


def review(number: int, decision: str, group_id: UUID = GROUP_ID) -> CommandEnvelope:
    about = {"groupId": str(group_id), "jobId": str(job_id(number))}
    return command(names.JOB_REVIEW, **about, decision=decision, reviewer="anna")
