"""`/console/groups/{id}`: one group with its jobs and its history; and one job."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api_stub.backends import Backends, OpenBackends
from api_stub.console.addresses import Asked
from api_stub.console.pages import Notice, page
from api_stub.console.visitors import Visiting, Visitor
from api_stub.console.wording import job_name
from api_stub.group_routes import existing_group
from api_stub.problems import Problem
from models import names
from models.lifecycle import LEGAL, RETRYABLE, JobStatus, Status
from models.resources import JobResource
from models.store import explanations, queries
from models.store.cursors import MAX_CURSOR_LENGTH
from models.store.paging import Paging
from models.store.queries import Listing

JOBS_COUNT = 50
EVENTS_COUNT = 20
SORTS = {"number": "Number", "status": "Status", "confidence": "Confidence", "updatedAt": "Updated"}
"""What jobs are sorted by, and what that is called."""
_SETTINGS = {"processing_settings", "notifications", "metadata"}

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Action:
    """What a button of the page asks of a group. What cannot be taken back is asked twice, with a `warning`."""

    command: str
    label: str
    done: str
    warning: str | None = None


ACTIONS = {
    "start": Action(names.JOB_GROUP_START, "Start", "Started."),
    "pause": Action(names.JOB_GROUP_PAUSE, "Pause", "Paused: nothing more is dispatched."),
    "resume": Action(names.JOB_GROUP_RESUME, "Resume", "Resumed."),
    "seal": Action(names.JOB_GROUP_SEAL, "Seal", "Sealed: no more jobs can come."),
    "retry": Action(names.JOB_GROUP_RETRY, "Retry failed jobs", "What had failed is queued again."),
    "cancel": Action(names.JOB_GROUP_CANCEL, "Cancel…", "Cancelled.", "Jobs that were not done yet will not be done."),
}


class GroupQuery(Asked):
    """Which of the group's jobs and events."""

    status: JobStatus | Literal[""] = ""
    sort: Literal["number", "status", "confidence", "updatedAt"] = "number"
    order: Literal["asc", "desc"] = "asc"
    cursor: str = Field("", max_length=MAX_CURSOR_LENGTH)
    before: str = Field("", max_length=MAX_CURSOR_LENGTH)

    def jobs(self) -> Listing:
        """Return which page of jobs to ask the database for."""
        return Listing(limit=JOBS_COUNT, cursor=self.cursor or None, count="none", sort=self.sort, order=self.order)

    def events(self) -> Paging:
        """Return which page of events."""
        return Paging(limit=EVENTS_COUNT, cursor=self.before or None, count="none")


@router.get("/groups/{id}")
async def show(
    id: UUID,
    asked: Annotated[GroupQuery, Query()],
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
) -> Response:
    """Show the group."""
    return await group_page(request, backends, visitor, id, asked)


async def group_page(
    request: Request,
    backends: Backends,
    visitor: Visitor,
    id_: UUID,
    asked: GroupQuery,
    *,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    """Return the group's page, below the `notice` of what was just done; raises Problem (404)."""
    group = await existing_group(backends, id_)
    async with backends.engine.connect() as connection:
        explained = await explanations.explain_group(connection, id_)
        jobs = await queries.list_jobs(connection, id_, asked.jobs(), asked.status or None)
        events = await queries.list_history(connection, id_, asked.events(), "desc")
    return page(
        request,
        "group.html",
        status=status,
        visitor=visitor,
        group=group,
        reasons=explained.reasons if explained else [],
        settings=group.fields.model_dump(mode="json", by_alias=True, include=_SETTINGS),
        jobs=jobs,
        job_names={str(job.id): job_name(job) for job in jobs.items},
        events=events,
        asked=asked,
        sorts=SORTS,
        job_statuses=list(JobStatus),
        retryable=RETRYABLE,
        actions=_legal(group.status, has_retryable=_has_retryable(group.counts)),
        notice=notice,
    )


@router.get("/groups/{id}/jobs/{job_id}")
async def show_job(
    id: UUID,
    job_id: UUID,
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
) -> Response:
    """Show one job with its result."""
    group = await existing_group(backends, id)
    async with backends.engine.connect() as connection:
        job = await queries.get_job(connection, id, job_id)
        explained = await explanations.explain_job(connection, id, job_id)
    if job is None or explained is None:
        raise Problem("not_found", f"there is no job {job_id} in job group {id}")
    shown = JobResource.of(job)
    return page(request, "job.html", visitor=visitor, group=group, job=shown, reasons=explained.reasons)


def _has_retryable(counts: object) -> bool:
    return any(getattr(counts, status.value) for status in RETRYABLE)


def _legal(status: Status, *, has_retryable: bool) -> dict[str, Action]:
    return {
        word: action
        for word, action in ACTIONS.items()
        if status in LEGAL[action.command] and (word != "retry" or has_retryable)
    }
