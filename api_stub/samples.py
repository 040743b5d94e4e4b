"""The examples in the documentation; each can be sent as it is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from api_stub.event_stream import block, heartbeat, opening
from models import names
from models.commands import CommandEnvelope, parse_command
from models.dead_letter import DeadLetterReason
from models.dead_letter_resource import DeadLetterDocument, DeadLetterResource, show_body
from models.deciding import decide
from models.delivery import RETRY_SECONDS, DeliveryResource, DeliveryStatus
from models.event import DomainEvent
from models.events import cloud_event
from models.explaining import explain_group
from models.job_group import JobGroup
from models.loaded import Loaded
from models.resources import Explanation, JobGroupResource, JobResource

GROUP: dict[str, Any] = {
    "name": "Invoice Batch 2023-001",
    "description": "Supplier invoices of January 2023",
    "batchNumber": "BATCH-2023-001",
    "template": "standard-invoice",
    "priority": "high",
    "processingSettings": {
        "maxConcurrency": 4,
        "maxAttempts": 3,
        "automation": "confident",
        "confidenceThreshold": 0.85,
        "languages": ["en", "fr"],
        "extractLineItems": True,
    },
    "notifications": {
        "channels": [
            {"type": "email", "to": ["accounts.payable@example.com"], "events": ["job_group.completed"]},
            {"type": "webhook", "url": "https://example.com/hooks/ocr", "events": ["job_group.completed"]},
        ]
    },
    "createdBy": "alice@example.com",
    "assignedTo": "bob@example.com",
    "tags": ["invoices", "january"],
    "metadata": {"site": "Lyon", "costCentre": 4711},
}
PATCH: dict[str, Any] = {"priority": "urgent", "assignedTo": None, "metadata": {"site": "Paris"}}
FILTER = '{"priority": {"$in": ["high", "urgent"]}, "metadata.site": "Lyon"}'
JOBS: dict[str, Any] = {
    "jobs": [
        {
            "externalId": "scan-4711",
            "document": {"uri": "https://scans.example.com/4711.pdf", "mimeType": "application/pdf", "pageCount": 2},
            "metadata": {"supplier": "ACME"},
        }
    ],
    "last": True,
}
REVIEW: dict[str, Any] = {"decision": "accept", "reviewer": "carol@example.com"}
RETRY: dict[str, Any] = {"jobIds": ["0186071a-5d40-7000-8000-000000000002"]}
COMMAND_ID = "0186071a-5d40-7000-8000-000000000001"


CREATED_AT = datetime(2023, 1, 31, 9, 30, tzinfo=UTC)


def answers() -> dict[str, Any]:
    """Return the examples of patches and answers, by their names in the documentation.

    They are what the service's own rules make of GROUP, and then of JOBS in it.
    """
    loaded = Loaded()
    events = _send(loaded, names.JOB_GROUP_CREATE, GROUP)
    new_group = _written(JobGroupResource.of(_there(loaded)))
    events += _send(loaded, names.JOB_ADD, {**JOBS, "groupId": COMMAND_ID})
    group, (job,) = _there(loaded), loaded.jobs.values()
    reasons = explain_group(group, CREATED_AT, next_attempt_at=None)
    letter = _dead_letter()
    delivery = _written(_delivery())
    pending = {"commandId": COMMAND_ID, "status": "pending", "type": names.JOB_GROUP_CREATE}
    return {
        "patch": PATCH,
        "group": _answer(new_group),
        "groups": {**_answer([new_group]), "total": 1},
        "groupWithJobs": _answer(_written(JobGroupResource.of(group))),
        "job": _answer(_written(JobResource.of(job))),
        "jobs": {**_answer([_written(JobResource.of(job))]), "total": 1},
        "events": {**_answer(events), "total": len(events)},
        "explanation": _answer(_written(Explanation(id=group.id, status=group.status, reasons=reasons))),
        "deadLetters": {**_answer([_written(DeadLetterResource.model_construct(**dict(letter)))]), "total": 1},
        "deadLetter": _answer(_written(letter)),
        "deliveries": {**_answer([delivery]), "total": 1},
        "delivery": _answer(delivery),
        "deleted": {"success": True, "message": "OCR invoice job group deleted successfully"},
        "pending": _answer(pending),
        "outcome": _answer({**pending, "status": "succeeded", "groupId": COMMAND_ID, "version": 1}),
    }


def stream() -> str:
    """Return the beginning of the feed."""
    created, *_ = _send(Loaded(), names.JOB_GROUP_CREATE, GROUP)
    told = opening(4710), block(4711, names.JOB_GROUP_CREATED, created), heartbeat(4711)
    return b"".join(told).decode()


def _dead_letter() -> DeadLetterDocument:
    command = CommandEnvelope(id=COMMAND_ID, type=names.JOB_GROUP_CREATE, data=GROUP)
    body = command.model_dump_json(exclude_none=True).encode()
    form, shown = show_body(body, complete=True)
    return DeadLetterDocument(
        id=UUID("0186071a-5d40-7000-8000-000000000003"),
        reason=DeadLetterReason.HANDLING_FAILED,
        detail="KeyError in decide, deciding.py:63",
        source=names.COMMAND_QUEUE,
        command_id=COMMAND_ID,
        command_type=command.type,
        group_id=UUID(COMMAND_ID),
        body_bytes=len(body),
        died_at=CREATED_AT,
        replayed_at=None,
        headers={},
        body_form=form,
        body_complete=True,
        body=shown,
    )


def _delivery() -> DeliveryResource:
    return DeliveryResource(
        id=UUID("0186071a-5d40-7000-8000-000000000004"),
        group_id=UUID(COMMAND_ID),
        event_id=UUID("0186071a-5d40-7000-8000-000000000005"),
        event=names.JOB_GROUP_COMPLETED,
        type="webhook",
        target="https://example.com/hooks/ocr",
        status=DeliveryStatus.PENDING,
        attempts=1,
        response_status=503,
        error="the receiver answers 503",
        duration_seconds=0.084,
        created_at=CREATED_AT,
        attempted_at=CREATED_AT,
        next_attempt_at=CREATED_AT + timedelta(seconds=RETRY_SECONDS[0]),
        ended_at=None,
    )


def _answer(data: Any) -> dict[str, Any]:
    return {"success": True, "data": data}


def _written(resource: BaseModel) -> dict[str, Any]:
    written: dict[str, Any] = resource.model_dump(mode="json")
    return written


def _there(loaded: Loaded) -> JobGroup:
    if loaded.group is None:
        raise LookupError("the samples make a group")
    return loaded.group


def _send(loaded: Loaded, type_: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    command = parse_command(CommandEnvelope(id=COMMAND_ID, type=type_, data=data))
    events = decide(loaded, command, CREATED_AT)
    return [published(event, loaded.happen(event, CREATED_AT).sequence) for event in events]


def published(event: DomainEvent, sequence: int | None, occurred_at: datetime = CREATED_AT) -> dict[str, Any]:
    """Return `event` as subscribers receive it."""
    return cloud_event(
        id=UUID(COMMAND_ID),
        name=event.routing_key,
        occurred_at=occurred_at,
        data=event.model_dump(mode="json"),
        sequence=sequence,
        correlation_id=COMMAND_ID,
        causation_id=COMMAND_ID,
        traceparent=None,
    )
