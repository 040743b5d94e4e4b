"""The jobs of a group: adding, reading, reviewing them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from api_stub import operations
from api_stub.auth import admitted
from api_stub.backends import Backends, OpenBackends
from api_stub.bodies import JobsToAdd, ReviewBody
from api_stub.documents import JobAnswer, JobList, json_response
from api_stub.group_routes import PREFIX, GroupId, changed, existing_group
from api_stub.listings import JobPage, no_parameters, once_each, page_links
from api_stub.problems import Problem
from api_stub.sender import Respond, Sender
from models import names
from models.outcome import Outcome
from models.resources import JobResource
from models.store import queries

JobId = Annotated[UUID, Path(alias="jobId", description="The job's id.")]

router = APIRouter(
    prefix=PREFIX + "/{id}/jobs", tags=["jobs"], dependencies=[admitted], generate_unique_id_function=operations.name_of
)


@router.get("", dependencies=[once_each], **operations.LIST_JOBS)
async def list_jobs(id_: GroupId, asked: JobPage, request: Request, backends: OpenBackends) -> Response:
    """List the OCR jobs of a group, one for each invoice document."""
    await existing_group(backends, id_)
    async with backends.engine.connect() as connection:
        page = await queries.list_jobs(connection, id_, asked.listing(), asked.status)
    return json_response(JobList.model_construct(data=page.items, total=page.total), headers=page_links(request, page))


@router.post("", dependencies=[no_parameters], **operations.ADD_JOBS)
async def add_jobs(id_: GroupId, body: JobsToAdd, sender: Sender) -> Response:
    """Add documents to a group; the answer is the group as it then is."""
    location = f"{PREFIX}/{id_}/jobs"
    return await sender.send(
        names.JOB_ADD, {**body, "groupId": str(id_)}, changed(sender.backends, status=201, Location=location)
    )


@router.get("/{jobId}", dependencies=[no_parameters], **operations.GET_JOB)
async def get_job(id_: GroupId, job_id: JobId, backends: OpenBackends) -> Response:
    """Read one job."""
    await existing_group(backends, id_)
    return await _show_job(backends, id_, job_id)


@router.post("/{jobId}/review", dependencies=[no_parameters], **operations.REVIEW_JOB)
async def review_job(id_: GroupId, job_id: JobId, body: ReviewBody, sender: Sender) -> Response:
    """Accept or reject the result of a job that needs review; the answer is the job as it then is."""
    data = {**body, "groupId": str(id_), "jobId": str(job_id)}
    return await sender.send(names.JOB_REVIEW, data, _reviewed(sender.backends, id_, job_id))


def _reviewed(backends: Backends, group_id: UUID, job_id: UUID) -> Respond:
    async def respond(_: Outcome) -> Response:
        return await _show_job(backends, group_id, job_id)

    return respond


async def _show_job(backends: Backends, group_id: UUID, job_id: UUID) -> Response:
    async with backends.engine.connect() as connection:
        job = await queries.get_job(connection, group_id, job_id)
    if job is None:
        raise Problem("not_found", f"there is no job {job_id} in job group {group_id}")
    return json_response(JobAnswer.model_construct(data=JobResource.of(job)))
