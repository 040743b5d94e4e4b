"""One group and all its jobs in memory, on the path that commands take through the database."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from models import names
from models.commands import CommandEnvelope, parse_command
from models.event import DomainEvent
from models.events import JobGroupEnded
from models.job import Job
from models.job_events import JobDispatched
from models.job_group import JobGroup
from models.lifecycle import Status
from models.loaded import Loaded
from models.store.unit_of_work import UnitOfWork
from tasks.handling import _carry_out
from tasks.settling import settle

GROUP_ID = UUID("0186071a-5d40-7000-8000-000000000001")
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
WRITABLE = {"name": "January", "template": "standard"}
HOPELESS = {"code": "unreadable", "message": "no text on the page", "retryable": False}


class InMemory(UnitOfWork):
    """A transaction that has everything loaded and writes nothing."""

    def __init__(self, now: datetime, loaded: defaultdict[UUID, Loaded]) -> None:
        super().__init__(None, now, loaded=loaded)  # type: ignore[arg-type]
        self.happened: list[DomainEvent] = []

    def load_queue(self, *_: Any) -> None: ...

    def load_due(self, *_: Any) -> None: ...

    def append(self, event: DomainEvent, *_: Any) -> None:
        self.happened.append(event)


class GroupInMemory:
    """A group to send commands to. Jobs are told by their number, from 1."""

    def __init__(self) -> None:
        self.now = START
        self.loaded: defaultdict[UUID, Loaded] = defaultdict(Loaded)
        self.happened: list[DomainEvent] = []

    @property
    def group(self) -> JobGroup:
        group = self.loaded[GROUP_ID].group
        assert group is not None
        return group

    @property
    def status(self) -> Status:
        return self.group.status

    def job(self, number: int) -> Job:
        return self.loaded[GROUP_ID].jobs[job_id(number)]

    def statuses(self) -> list[str]:
        return [str(job.status) for job in self.loaded[GROUP_ID].jobs.values()]

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def send(self, type_: str, **data: Any) -> list[DomainEvent]:
        """Carry out one command, and return what happened; raises its refusal."""
        return self.send_all((type_, data))

    def send_all(self, *asked: tuple[str, dict[str, Any]]) -> list[DomainEvent]:
        """Carry out commands in one transaction."""
        work = InMemory(self.now, self.loaded)
        for type_, data in asked:
            envelope = CommandEnvelope(id="c", type=type_, data=data)
            _carry_out(work, envelope, parse_command(envelope))
        settle(work)
        self.happened += work.happened
        return work.happened

    def ask(self, verb: str, **data: Any) -> list[DomainEvent]:
        """Send the command `job_group.VERB`."""
        return self.send(f"job_group.{verb}", id=str(GROUP_ID), **data)

    def create(self, priority: str = "medium", **settings: Any) -> list[DomainEvent]:
        return self.ask("create", **WRITABLE, priority=priority, processingSettings=settings)

    def add(self, count: int = 1, *, last: bool = True, sha256: str | None = None) -> list[DomainEvent]:
        first = self.group.counts.total + 1
        return self.send(names.JOB_ADD, **addition(*range(first, first + count), last=last, sha256=sha256))

    def report(self, *numbers: int, **report: Any) -> list[DomainEvent]:
        """Report on the current attempt, if no other is named."""
        return self.send(names.JOB_REPORT, reports=[self.reported(number, **report) for number in numbers])

    def reported(self, number: int, **report: Any) -> dict[str, Any]:
        attempt = report.pop("attempt", None) or max(1, self.job(number).attempts)
        return report_on(number, attempt, **report)

    def fail(self, *numbers: int, retryable: bool = False, **report: Any) -> list[DomainEvent]:
        return self.report(*numbers, status="failed", error={**HOPELESS, "retryable": retryable}, **report)

    def review(self, number: int, decision: str) -> list[DomainEvent]:
        return self.send(names.JOB_REVIEW, **review_of(number, decision))


def group_of(count: int, *, last: bool = True, **settings: Any) -> GroupInMemory:
    """Return a group with `count` jobs, sealed unless more may come."""
    bench = GroupInMemory()
    bench.create(**settings)
    bench.add(count, last=last)
    return bench


def only(happened: list[DomainEvent], type_: type[DomainEvent]) -> Any:
    (event,) = [event for event in happened if isinstance(event, type_)]
    return event


def dispatched(happened: list[DomainEvent]) -> list[int]:
    """Return the numbers of the jobs that were handed to engines, in that order."""
    return [event.job_id.int for event in happened if isinstance(event, JobDispatched)]


def ends_of(bench: GroupInMemory) -> list[int]:
    """Return the generation that each terminal event told the end of."""
    return [event.generation for event in bench.happened if isinstance(event, JobGroupEnded)]


def job_id(number: int) -> UUID:
    return UUID(int=number)


def addition(*numbers: int, last: bool = True, sha256: str | None = None) -> dict[str, Any]:
    known = {"sha256": sha256} if sha256 else {}
    jobs = [
        {"id": str(job_id(number)), "document": {"uri": f"file:///scans/{number}.pdf", **known}} for number in numbers
    ]
    return {"groupId": str(GROUP_ID), "jobs": jobs, "last": last}


def report_on(number: int, attempt: int, status: str = "succeeded", **report: Any) -> dict[str, Any]:
    outcome = {"confidence": 0.95, "result": {"total": number}} if status == "succeeded" else {}
    about = {"groupId": str(GROUP_ID), "jobId": str(job_id(number)), "attempt": attempt, "status": status}
    return {**about, **outcome, **report}


def review_of(number: int, decision: str) -> dict[str, Any]:
    return {"groupId": str(GROUP_ID), "jobId": str(job_id(number)), "decision": decision, "reviewer": "anna"}


def names_of(happened: list[DomainEvent]) -> list[str]:
    return [event.name for event in happened]


def in_status(status: Status) -> GroupInMemory:
    """Return a group that real commands brought into `status`. It has three jobs, unsealed where it can be; where the
    status allows, job 1 has failed, job 2 needs review, and job 3 is with an engine."""
    bench = GroupInMemory()
    bench.create(autoStart=status is not Status.DRAFT, expiresAfterSeconds=3600)
    sealed = status in (Status.AWAITING_REVIEW, Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED)
    bench.add(3, last=sealed)
    if status is Status.QUEUED:
        bench.fail(1, 2, 3, retryable=True)
    elif status in (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS):
        bench.report(2, 3)
        (bench.report if status is Status.COMPLETED else bench.fail)(1)
    elif status is not Status.DRAFT:
        bench.fail(1)
        bench.report(2, confidence=0.1)
    _finish(bench, status)
    return bench


def _finish(bench: GroupInMemory, status: Status) -> None:
    match status:
        case Status.PAUSED:
            bench.ask("pause")
        case Status.AWAITING_REVIEW:
            bench.report(3)
        case Status.FAILED:
            bench.fail(3)
            bench.review(2, "reject")
        case Status.CANCELLING:
            bench.ask("cancel")
        case Status.CANCELLED:
            bench.ask("cancel")
            bench.report(3)
        case Status.EXPIRED:
            bench.report(3, confidence=0.1)
            bench.add(1, last=False)
            bench.wait(3600)
            bench.ask("wake")


def data_of(command: str) -> dict[str, Any]:
    """Return the data of a command on a group :func:`in_status`, one that has an effect wherever there can be one."""
    match command:
        case names.JOB_ADD:
            return addition(9)
        case names.JOB_REPORT:
            return {"reports": [report_on(3, 1)]}
        case names.JOB_REVIEW:
            return review_of(2, "accept")
        case names.JOB_GROUP_UPDATE:
            return {"id": str(GROUP_ID), **WRITABLE}
        case names.JOB_GROUP_PATCH:
            return {"id": str(GROUP_ID), "patch": {"name": "February"}}
        case names.JOB_GROUP_DISABLE_WEBHOOK:
            return {"id": str(GROUP_ID), "url": "https://example.com/gone"}
        case _:
            return {"id": str(GROUP_ID)}
