"""The domain events: what happened, and the CloudEvents envelope it is published in."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from models import names
from models.counts import CountsResource
from models.event import DomainEvent, GroupEvent
from models.fields import JobGroupFields, Priority
from models.job_commands import NewJob
from models.job_events import (
    JobCancelled,
    JobDispatched,
    JobExpired,
    JobFailed,
    JobNeedsReview,
    JobRejected,
    JobRetryScheduled,
    JobSkipped,
    JobSucceeded,
)
from models.lifecycle import Status
from models.outcome import OutcomeError


class JobGroupEvent(GroupEvent):
    """A change of one group; `status` is the group's after it."""

    status: Status


class JobGroupCreated(JobGroupEvent):
    """A group was made."""

    name = names.JOB_GROUP_CREATED
    group: JobGroupFields


class JobGroupUpdated(JobGroupEvent):
    """Writable fields were replaced; `changed` lists those whose value is another now, in the wire's spelling."""

    name = names.JOB_GROUP_UPDATED
    group: JobGroupFields
    changed: list[str]


class JobGroupDeleted(JobGroupEvent):
    """A group was removed for good."""

    name = names.JOB_GROUP_DELETED


class JobGroupStarted(JobGroupEvent):
    """A draft began to dispatch its jobs."""

    name = names.JOB_GROUP_STARTED


class JobGroupPaused(JobGroupEvent):
    """Nothing more is dispatched until the group is resumed."""

    name = names.JOB_GROUP_PAUSED


class JobGroupResumed(JobGroupEvent):
    """Dispatching goes on."""

    name = names.JOB_GROUP_RESUMED


class JobGroupSealed(JobGroupEvent):
    """No more jobs will be added."""

    name = names.JOB_GROUP_SEALED


class JobGroupJobsAdded(JobGroupEvent):
    """Documents were added, as queued jobs numbered from `firstNumber`."""

    name = names.JOB_GROUP_JOBS_ADDED
    first_number: int
    job_ids: list[UUID]
    jobs: list[NewJob] = Field(exclude=True)


class JobGroupCancelling(JobGroupEvent):
    """The group was given up, by its owners or by its `maxFailures`; jobs may still be under way."""

    name = names.JOB_GROUP_CANCELLING
    reason: str


class JobGroupEnded(JobGroupEvent):
    """The group ended in this generation; the counts say how its jobs did."""

    generation: int
    counts: CountsResource


class JobGroupCancelled(JobGroupEnded):
    """The given-up group has no job under way any more."""

    name = names.JOB_GROUP_CANCELLED


class JobGroupExpired(JobGroupEnded):
    """The group ran out of time; the counts are those of that moment, before its queue ended with it."""

    name = names.JOB_GROUP_EXPIRED


class JobGroupCompleted(JobGroupEnded):
    """Every job is through; `outcome` says how: completed, completed_with_errors or failed."""

    name = names.JOB_GROUP_COMPLETED
    outcome: Status


class JobGroupAwaitingReview(JobGroupEvent):
    """Every job is through but those that a person must look at."""

    name = names.JOB_GROUP_AWAITING_REVIEW
    needs_review: int


class JobGroupReopened(JobGroupEvent):
    """An ended group has work again, in its next generation."""

    name = names.JOB_GROUP_REOPENED
    generation: int
    sealed: bool


class CommandRejected(DomainEvent):
    """A command was refused and changed nothing."""

    name = names.COMMAND_REJECTED
    group_id: UUID | None
    command_id: str
    command_type: str
    error: OutcomeError


_ALL: tuple[type[DomainEvent], ...] = (
    JobGroupCreated,
    JobGroupUpdated,
    JobGroupDeleted,
    JobGroupStarted,
    JobGroupPaused,
    JobGroupResumed,
    JobGroupSealed,
    JobGroupJobsAdded,
    JobGroupAwaitingReview,
    JobGroupCompleted,
    JobGroupCancelling,
    JobGroupCancelled,
    JobGroupExpired,
    JobGroupReopened,
    JobDispatched,
    JobSucceeded,
    JobNeedsReview,
    JobFailed,
    JobRetryScheduled,
    JobCancelled,
    JobExpired,
    JobSkipped,
    JobRejected,
    CommandRejected,
)
EVENTS: dict[str, type[DomainEvent]] = {event.name: event for event in _ALL}
_DISPATCHED = [f"{names.JOB_DISPATCHED}.{priority}" for priority in Priority]
ROUTING_KEYS = [key for name in EVENTS for key in (_DISPATCHED if name == names.JOB_DISPATCHED else [name])]
"""The names that events are published under: `job.dispatched` has one for each priority."""


_Absent = SkipJsonSchema[None]
"""What has nothing to say is left out, and never null."""


class EventDocument(BaseModel):
    """An event as it travels: a CloudEvents 1.0 document. It may come again, and then has the same `id`."""

    specversion: Literal["1.0"]
    id: UUID
    source: str = Field(json_schema_extra={"format": "uri-reference"})
    type: str = Field(description="the event's name and version, for instance ocr_invoice.job_group.created.v1")
    subject: UUID | _Absent = Field(None, description="the group's id; absent where a rejected command named none")
    time: datetime
    datacontenttype: Literal["application/json"]
    dataschema: str = Field(description="where the HTTP API serves the JSON Schema of `data`")
    sequence: int | _Absent = Field(None, description="counts the group's events from 1, without a gap")
    correlationid: str | _Absent = Field(None, description="what the command came with, else the command's id")
    causationid: str | _Absent = Field(None, description="the id of the command that made it happen")
    traceparent: str | _Absent = Field(None, description="W3C Trace Context")
    data: dict[str, Any]


def cloud_event(
    *,
    id: UUID,
    name: str,
    occurred_at: datetime,
    data: dict[str, Any],
    sequence: int | None,
    correlation_id: str | None,
    causation_id: str | None,
    traceparent: str | None,
) -> dict[str, Any]:
    """Return the event as a CloudEvents 1.0 document in the JSON format.

    `sequence` counts the events of one group from 1 without a gap; `command.rejected` changes no group and has none.
    """
    document = {
        "specversion": "1.0",
        "id": str(id),
        "source": names.EVENT_SOURCE,
        "type": names.event_type(name),
        "subject": data.get("groupId"),
        "time": occurred_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": names.schema_address(names.event_type(name)),
        "sequence": sequence,
        "correlationid": correlation_id,
        "causationid": causation_id,
        "traceparent": traceparent,
        "data": data,
    }
    return {attribute: value for attribute, value in document.items() if value is not None}
