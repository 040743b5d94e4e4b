"""What people do with groups and jobs: the same commands, on the same way, as over the HTTP API."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from uuid_utils.compat import uuid7

from api_stub import headers
from api_stub.backends import Backends, OpenBackends
from api_stub.console.forms import read_form
from api_stub.console.group_page import ACTIONS, GroupQuery, group_page
from api_stub.console.pages import PREFIX, Notice
from api_stub.console.visitors import Visiting, Visitor
from api_stub.headers import Preference
from api_stub.problems import KINDS, Problem
from api_stub.sender import CommandSender
from models import names
from models.outcome import Outcome

DECISIONS = {"accept": "Accepted.", "reject": "Rejected."}
UNDER_WAY = "It is under way and takes longer than usual; this page shows it once it is done."

router = APIRouter()


@router.post("/groups/{id}/{word}")
async def act(
    id: UUID,
    word: Literal["start", "pause", "resume", "seal", "retry", "cancel"],
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
    asked: Annotated[GroupQuery, Query()],
) -> Response:
    """Send one of the owners' words."""
    action = ACTIONS[word]
    return await _send(request, backends, visitor, id, asked, action.command, {"id": str(id)}, action.done)


@router.post("/groups/{id}/jobs/{job_id}/retry")
async def retry_job(
    id: UUID,
    job_id: UUID,
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
    asked: Annotated[GroupQuery, Query()],
) -> Response:
    """Put one job back into the queue."""
    data = {"id": str(id), "jobIds": [str(job_id)]}
    return await _send(request, backends, visitor, id, asked, names.JOB_GROUP_RETRY, data, "The job is queued again.")


@router.post("/groups/{id}/jobs/{job_id}/review")
async def review(
    id: UUID,
    job_id: UUID,
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
    asked: Annotated[GroupQuery, Query()],
) -> Response:
    """Accept or reject the result of a job that waits for a person."""
    decision = (await read_form(request)).get("decision", "")
    if decision not in DECISIONS:
        raise Problem.wrong_fields(f"must be one of {', '.join(DECISIONS)}", "decision")
    data = {"groupId": str(id), "jobId": str(job_id), "decision": decision, "reviewer": visitor.caller.owner}
    return await _send(request, backends, visitor, id, asked, names.JOB_REVIEW, data, DECISIONS[decision])


async def _send(
    request: Request,
    backends: Backends,
    visitor: Visitor,
    id_: UUID,
    asked: GroupQuery,
    command: str,
    data: dict[str, Any],
    done: str,
) -> Response:
    """Carry the command out, and show the group as it then is with what became of it."""
    sender = CommandSender(
        backends,
        visitor.caller,
        preference=Preference(),
        idempotency_key=None,
        correlation_id=headers.sane_id(request.headers.get("x-request-id")) or str(uuid7()),
        traceparent=headers.parse_traceparent(request.headers.get("traceparent")),
    )
    notice, status = Notice(done), 200
    try:
        if (await sender.send(command, data, _succeeded)).status_code == 202:
            notice = Notice(UNDER_WAY)
    except Problem as problem:
        notice, status = Notice(problem.detail, is_problem=True), KINDS[problem.code][0]
    if status == 200 and "hx-request" not in request.headers:
        return RedirectResponse(f"{PREFIX}/groups/{id_}", 303)  # so that a reload does not send it again
    return await group_page(request, backends, visitor, id_, asked, notice=notice, status=status)


async def _succeeded(_: Outcome) -> Response:
    return Response()
