"""What of a group must be in memory for its commands to be decided, and what happens to it there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from models.command import Command
from models.event import GroupEvent
from models.events import JobGroupJobsAdded
from models.group_commands import CreateJobGroup, RetryJobGroup, WakeJobGroup
from models.job import Job, evolve_job, new_job
from models.job_commands import AddJobs, ReportJobs, ReviewJob
from models.job_events import JobEvent
from models.job_group import JobGroup, evolve
from models.lifecycle import JobStatus


@dataclass(slots=True)
class Loaded:
    """A group (None if there never was one of that id), the jobs that its commands are about, and which of the
    documents that they add it has already, by SHA-256."""

    group: JobGroup | None = None
    jobs: dict[UUID, Job] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)

    def happen(self, event: GroupEvent, occurred_at: datetime) -> JobGroup:
        """Let `event` happen to the group and to the jobs that it is about; return the group."""
        self.group = group = evolve(self.group, event, occurred_at)
        if isinstance(event, JobGroupJobsAdded):
            settings = group.fields.processing_settings
            for number, asked in enumerate(event.jobs, event.first_number):
                self.jobs[asked.id] = new_job(asked, group.id, number, settings, occurred_at)
            self.documents |= {asked.document.sha256 for asked in event.jobs if asked.document.sha256}
        elif isinstance(event, JobEvent):
            self.jobs[event.job_id] = evolve_job(self.jobs[event.job_id], event, occurred_at)
        return group

    def queued(self) -> list[Job]:
        """Return the queued jobs among those loaded, in their order."""
        return self._in_order(job for job in self.jobs.values() if job.status is JobStatus.QUEUED)

    def due(self, now: datetime) -> list[Job]:
        """Return those of them that wait for nothing but room."""
        return self._in_order(job for job in self.jobs.values() if job.is_due(now))

    @staticmethod
    def _in_order(jobs: Iterable[Job]) -> list[Job]:
        return sorted(jobs, key=attrgetter("number"))


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be loaded of a group for a command to be decided."""

    group: bool = True
    """Itself. A creation can do without: that its group is there already shows when the new one is written."""
    job_ids: frozenset[UUID] = frozenset()
    documents: frozenset[str] = frozenset()
    retryable: bool = False
    overdue: bool = False

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.group or other.group,
            self.job_ids | other.job_ids,
            self.documents | other.documents,
            self.retryable or other.retryable,
            self.overdue or other.overdue,
        )


def needs_of(command: Command) -> Needs:
    """Return what `decide` will look at."""
    match command:
        case CreateJobGroup():
            return Needs(group=False)
        case AddJobs():
            documents = frozenset(job.document.sha256 for job in command.jobs if job.document.sha256)
            return Needs(job_ids=frozenset(job.id for job in command.jobs), documents=documents)
        case ReportJobs():
            return Needs(job_ids=frozenset(report.job_id for report in command.reports))
        case ReviewJob():
            return Needs(job_ids=frozenset({command.job_id}))
        case RetryJobGroup():
            return Needs(job_ids=frozenset(command.job_ids or ()), retryable=command.job_ids is None)
        case WakeJobGroup():
            return Needs(overdue=True)
        case _:
            return Needs()
