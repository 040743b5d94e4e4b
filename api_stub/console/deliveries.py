"""`/console/groups/{id}/deliveries`: what was sent to a group's webhooks and people, and sending it again."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from api_stub.backends import Backends, OpenBackends
from api_stub.console.addresses import Asked
from api_stub.console.pages import PREFIX, Notice, page
from api_stub.console.visitors import Visiting, Visitor
from api_stub.group_routes import existing_group
from api_stub.problems import Problem
from models.delivery import DeliveryStatus
from models.store import delivery_reads
from models.store.cursors import MAX_CURSOR_LENGTH
from models.store.paging import Paging

DELIVERIES_COUNT = 25

router = APIRouter(prefix="/groups/{id}/deliveries")


class DeliveriesQuery(Asked):
    """Which deliveries."""

    status: DeliveryStatus | Literal[""] = ""
    cursor: str = Field("", max_length=MAX_CURSOR_LENGTH)


@router.get("")
async def show_deliveries(
    id: UUID,
    asked: Annotated[DeliveriesQuery, Query()],
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
) -> Response:
    """Show a page of the group's deliveries, newest first."""
    return await _deliveries(request, backends, visitor, id, asked)


@router.post("/{delivery_id}/redeliver")
async def redeliver(
    id: UUID,
    delivery_id: UUID,
    asked: Annotated[DeliveriesQuery, Query()],
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
) -> Response:
    """Send it again, now, whatever became of it."""
    async with backends.engine.connect() as connection:
        delivery = await delivery_reads.deliver_again(connection, id, delivery_id)
    if delivery is None:
        raise Problem("not_found", f"there is no delivery {delivery_id} in job group {id}")
    if "hx-request" not in request.headers:
        return RedirectResponse(f"{PREFIX}/groups/{id}/deliveries", 303)  # so that a reload does not send it again
    notice = Notice(f"{delivery.event} is sent to {delivery.target} again.")
    return await _deliveries(request, backends, visitor, id, asked, notice)


async def _deliveries(
    request: Request,
    backends: Backends,
    visitor: Visitor,
    id_: UUID,
    asked: DeliveriesQuery,
    notice: Notice | None = None,
) -> Response:
    group = await existing_group(backends, id_)
    paging = Paging(limit=DELIVERIES_COUNT, cursor=asked.cursor or None, count="none")
    async with backends.engine.connect() as connection:
        found = await delivery_reads.list_deliveries(connection, id_, paging, asked.status or None)
    return page(
        request,
        "deliveries.html",
        visitor=visitor,
        group=group,
        asked=asked,
        found=found,
        statuses=list(DeliveryStatus),
        notice=notice,
    )
