"""The contracts of the commands on jobs: what senders, engines and reviewers may say of them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, field_validator

from models import names
from models.command import Command
from models.contract import JsonObject, Request, Whole, storable_text
from models.fields import Name, ShortText

MAX_JOBS_COUNT = 1000
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(storable_text)]


class Document(Request):
    """Where an invoice is, and what is known of the file; `sha256` in lower-case hex tells duplicates."""

    uri: Uri
    filename: ShortText | None = None
    mime_type: ShortText | None = None
    sha256: Sha256 | None = None
    page_count: Annotated[StrictInt, Field(ge=1, le=100_000), Whole] | None = None


class JobFields(Request):
    """One invoice document to read. A sender may leave `id` out: it then follows from the command's."""

    id: UUID | None = None
    external_id: ShortText | None = None
    document: Document
    metadata: JsonObject = {}


class NewJob(JobFields):
    """One invoice document to read. A sender may leave `id` out: it has one by the time that this is checked."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("id"))

    id: UUID


class JobError(Request):
    """Why an attempt failed; one that is not `retryable` is the last."""

    code: Name
    message: Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable_text)]
    retryable: StrictBool = True


class Report(Request):
    """What an engine says of one attempt. One of another attempt than the current is recorded and never counted."""

    job_id: UUID
    group_id: UUID
    attempt: Annotated[StrictInt, Field(ge=1), Whole]
    status: Literal["succeeded", "failed"]
    confidence: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    result: JsonObject | None = None
    error: JobError | None = None


def _each_id_once(jobs: list[Any]) -> list[Any]:
    named = [job.id for job in jobs if job.id]
    if len(set(named)) < len(named):
        raise ValueError("must not name the same id twice")
    return jobs


class JobsFields(Request):
    """Documents to add; `last` says that no more will come, which lets the group finish."""

    jobs: Annotated[list[JobFields], Field(min_length=1, max_length=MAX_JOBS_COUNT), AfterValidator(_each_id_once)]
    last: StrictBool = True


class AddJobs(Command):
    """Add documents to a group; `last` says that no more will come, which lets the group finish."""

    type = names.JOB_ADD
    group_id: UUID
    jobs: Annotated[list[NewJob], Field(min_length=1, max_length=MAX_JOBS_COUNT), AfterValidator(_each_id_once)]
    last: StrictBool = True

    @property
    def target(self) -> UUID:
        return self.group_id


class ReportJobs(Command):
    """Tell how attempts went, all of them of one group."""

    type = names.JOB_REPORT
    reports: Annotated[list[Report], Field(min_length=1, max_length=MAX_JOBS_COUNT)]

    @property
    def target(self) -> UUID:
        return self.reports[0].group_id

    @field_validator("reports")
    @classmethod
    def _one_group(cls, reports: list[Report]) -> list[Report]:
        if len({report.group_id for report in reports}) > 1:
            raise ValueError("must all name the same groupId; send one command for each group")
        return reports


class ReviewFields(Request):
    """A reviewer's word."""

    decision: Literal["accept", "reject"]
    reviewer: Name


class ReviewJob(ReviewFields, Command):
    """Accept or reject the result of a job that needs review."""

    type = names.JOB_REVIEW
    group_id: UUID
    job_id: UUID

    @property
    def target(self) -> UUID:
        return self.group_id
