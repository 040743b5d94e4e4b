"""The domain events: what happened, and the CloudEvents envelope it is published in."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from models import names
from models.contract import Contract
from models.fields import JobGroupFields
from models.lifecycle import Status
from models.outcome import OutcomeError


class DomainEvent(Contract):
    """Something that happened. `name` is the routing key; the fields are the `data` that subscribers receive."""

    name: ClassVar[str]


class JobGroupEvent(DomainEvent):
    """A change of one group; `version` and `status` are the group's after it."""

    group_id: UUID
    version: int
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


class CommandRejected(DomainEvent):
    """A command was refused and changed nothing."""

    name = names.COMMAND_REJECTED
    group_id: UUID | None
    command_id: str
    command_type: str
    error: OutcomeError


EVENTS: dict[str, type[DomainEvent]] = {
    event.name: event for event in (JobGroupCreated, JobGroupUpdated, JobGroupDeleted, CommandRejected)
}


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
        "dataschema": f"{names.EVENT_SOURCE}/schemas/{names.event_type(name)}",
        "sequence": sequence,
        "correlationid": correlation_id,
        "causationid": causation_id,
        "traceparent": traceparent,
        "data": data,
    }
    return {attribute: value for attribute, value in document.items() if value is not None}
