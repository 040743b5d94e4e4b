"""The examples in the documentation; each can be sent as it is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from models import names
from models.commands import CreateJobGroup
from models.job_group import decide, evolve
from models.resources import JobGroupResource

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
COMMAND_ID = "0186071a-5d40-7000-8000-000000000001"


def answers() -> dict[str, Any]:
    """Return the examples of patches and answers, by their names in the documentation."""
    group = _created_group()
    pending = {"commandId": COMMAND_ID, "status": "pending", "type": names.JOB_GROUP_CREATE}
    outcome = {**pending, "status": "succeeded", "groupId": COMMAND_ID, "version": 1}
    return {
        "patch": PATCH,
        "group": {"success": True, "data": group},
        "groups": {"success": True, "data": [group], "total": 1},
        "deleted": {"success": True, "message": "OCR invoice job group deleted successfully"},
        "pending": {"success": True, "data": pending},
        "outcome": {"success": True, "data": outcome},
    }


def _created_group() -> dict[str, Any]:
    """GROUP as it is once created, by the service's own rules."""
    created_at = datetime(2023, 1, 31, 9, 30, tzinfo=UTC)
    command = CreateJobGroup.model_validate({"id": UUID(COMMAND_ID), **GROUP})
    (created,) = decide(None, command)
    written: dict[str, Any] = JobGroupResource.of(evolve(None, created, created_at)).model_dump(mode="json")
    return written
