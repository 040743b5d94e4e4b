"""The life of a group: its owners' words, its history, and why it is as it is."""

from fastapi import APIRouter, Request, Response

from api_stub import operations
from api_stub.auth import admitted
from api_stub.backends import OpenBackends
from api_stub.bodies import RetryBody
from api_stub.documents import EventList, ExplanationAnswer, json_response
from api_stub.group_routes import PREFIX, GroupId, IfMatch, changed, existing_group, target
from api_stub.job_routes import JobId
from api_stub.listings import HistoryPage, no_parameters, once_each, page_links
from api_stub.problems import Problem
from api_stub.sender import Sender
from models import names
from models.resources import Explanation
from models.store import explanations, queries

router = APIRouter(
    prefix=PREFIX + "/{id}",
    tags=["life of a group"],
    dependencies=[admitted],
    generate_unique_id_function=operations.name_of,
)


@router.post("/start", dependencies=[no_parameters], **operations.ACT)
async def start_job_group(id_: GroupId, sender: Sender, if_match: IfMatch = None) -> Response:
    """Start dispatching the jobs of a draft."""
    return await sender.send(names.JOB_GROUP_START, target(id_, if_match), changed(sender.backends))


@router.post("/pause", dependencies=[no_parameters], **operations.ACT)
async def pause_job_group(id_: GroupId, sender: Sender, if_match: IfMatch = None) -> Response:
    """Dispatch nothing more; jobs under way may finish."""
    return await sender.send(names.JOB_GROUP_PAUSE, target(id_, if_match), changed(sender.backends))


@router.post("/resume", dependencies=[no_parameters], **operations.ACT)
async def resume_job_group(id_: GroupId, sender: Sender, if_match: IfMatch = None) -> Response:
    """Go on dispatching."""
    return await sender.send(names.JOB_GROUP_RESUME, target(id_, if_match), changed(sender.backends))


@router.post("/cancel", dependencies=[no_parameters], **operations.ACT)
async def cancel_job_group(id_: GroupId, sender: Sender, if_match: IfMatch = None) -> Response:
    """Give up what has not been done; jobs under way end as cancelled when their engines report."""
    return await sender.send(names.JOB_GROUP_CANCEL, target(id_, if_match), changed(sender.backends))


@router.post("/seal", dependencies=[no_parameters], **operations.ACT)
async def seal_job_group(id_: GroupId, sender: Sender, if_match: IfMatch = None) -> Response:
    """Say that no more jobs will be added, so that the group can finish."""
    return await sender.send(names.JOB_GROUP_SEAL, target(id_, if_match), changed(sender.backends))


@router.post("/retry", dependencies=[no_parameters], **operations.RETRY)
async def retry_job_group(id_: GroupId, body: RetryBody, sender: Sender, if_match: IfMatch = None) -> Response:
    """Put failed, cancelled, expired and rejected jobs back into the queue: those in `jobIds`, or all."""
    return await sender.send(names.JOB_GROUP_RETRY, {**body, **target(id_, if_match)}, changed(sender.backends))


@router.get("/events", dependencies=[once_each], **operations.HISTORY)
async def list_events(id_: GroupId, asked: HistoryPage, request: Request, backends: OpenBackends) -> Response:
    """List what happened to a group, as it was published."""
    await existing_group(backends, id_)
    async with backends.engine.connect() as connection:
        page = await queries.list_history(connection, id_, asked.paging(), asked.order)
    return json_response(
        EventList.model_construct(data=page.items, total=page.total), headers=page_links(request, page)
    )


@router.get("/explain", dependencies=[no_parameters], **operations.EXPLAIN)
async def explain_job_group(id_: GroupId, backends: OpenBackends) -> Response:
    """Tell in words why the group is in its status."""
    async with backends.engine.connect() as connection:
        explanation = await explanations.explain_group(connection, id_)
    return _answer(explanation, f"there is no job group {id_}")


@router.get("/jobs/{jobId}/explain", dependencies=[no_parameters], **operations.EXPLAIN)
async def explain_one_job(id_: GroupId, job_id: JobId, backends: OpenBackends) -> Response:
    """Tell in words why the job is in its status."""
    async with backends.engine.connect() as connection:
        explanation = await explanations.explain_job(connection, id_, job_id)
    return _answer(explanation, f"there is no job {job_id} in job group {id_}")


def _answer(explanation: Explanation | None, problem: str) -> Response:
    if explanation is None:
        raise Problem("not_found", problem)
    return json_response(ExplanationAnswer(data=explanation))
