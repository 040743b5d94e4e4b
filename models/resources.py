"""How groups and jobs look from outside: the shapes that reads give back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from models.contract import Contract
from models.counts import CountsResource
from models.fields import JobGroupFields
from models.job import Job
from models.job_group import JobGroup
from models.lifecycle import JobStatus, Status


class JobGroupResource(JobGroupFields):
    """A job group: its writable fields, settings with their effective defaults, and what the service knows of it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    id: UUID
    status: Status
    status_reason: str | None
    sealed: bool = Field(description="whether no more jobs are expected")
    generation: int = Field(description="1, and one more each time a finished group is opened again")
    version: int = Field(description="commands applied so far; the ETag")
    counts: CountsResource
    percent_complete: float = Field(description="share of jobs that are through, 0 to 100")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    paused_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, group: JobGroup) -> "JobGroupResource":
        """Return the resource that shows `group`."""
        fields = {name: getattr(group.fields, name) for name in JobGroupFields.model_fields}
        own = {name: getattr(group, name) for name in _OWN_FIELDS}
        counts = CountsResource.of(group.counts)
        return cls.model_construct(**fields, **own, counts=counts, percent_complete=group.counts.percent_complete)


_OWN_FIELDS = JobGroupResource.model_fields.keys() - JobGroupFields.model_fields.keys() - {"counts", "percent_complete"}


class JobResource(Contract):
    """One invoice document of a group, and how far its OCR is."""

    id: UUID
    group_id: UUID
    number: int = Field(description="in the order they were added to the group, from 1")
    external_id: str | None
    document: dict[str, Any]
    metadata: dict[str, Any]
    status: JobStatus
    attempts: int
    max_attempts: int
    next_attempt_at: datetime | None
    lease_expires_at: datetime | None
    confidence: float | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    dispatched_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> "JobResource":
        """Return the resource that shows `job`."""
        own = {name: getattr(job, name) for name in cls.model_fields if name not in ("document", "error")}
        document = job.document.model_dump(mode="json", exclude_none=True)
        error = job.error.model_dump(mode="json") if job.error else None
        return cls.model_construct(**own, document=document, error=error)


class Explanation(Contract):
    """Why a group or a job is in its status, in sentences."""

    id: UUID
    status: Status | JobStatus
    reasons: list[str]
