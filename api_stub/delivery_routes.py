"""The log of a group's deliveries: which events went to which webhooks and people, and what came of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from api_stub import operations
from api_stub.auth import admitted
from api_stub.backends import OpenBackends
from api_stub.documents import DeliveryAnswer, DeliveryList, json_response
from api_stub.group_routes import PREFIX, GroupId, existing_group
from api_stub.listings import DeliveryPage, no_parameters, once_each, page_links
from api_stub.problems import Problem
from models.delivery import DeliveryResource
from models.store import delivery_reads

DeliveryId = Annotated[UUID, Path(alias="deliveryId", description="The delivery's id.")]

router = APIRouter(
    prefix=PREFIX + "/{id}/deliveries",
    tags=["notifications"],
    dependencies=[admitted],
    generate_unique_id_function=operations.name_of,
)


@router.get("", dependencies=[once_each], **operations.LIST_DELIVERIES)
async def list_deliveries(id_: GroupId, asked: DeliveryPage, request: Request, backends: OpenBackends) -> Response:
    """List what was sent, or is to be sent, to the notification channels of a group, newest first."""
    await existing_group(backends, id_)
    async with backends.engine.connect() as connection:
        page = await delivery_reads.list_deliveries(connection, id_, asked.paging(), asked.status)
    return json_response(
        DeliveryList.model_construct(data=page.items, total=page.total), headers=page_links(request, page)
    )


@router.get("/{deliveryId}", dependencies=[no_parameters], **operations.GET_DELIVERY)
async def get_delivery(id_: GroupId, delivery_id: DeliveryId, backends: OpenBackends) -> Response:
    """Read one delivery."""
    await existing_group(backends, id_)
    async with backends.engine.connect() as connection:
        delivery = await delivery_reads.get_delivery(connection, id_, delivery_id)
    return json_response(DeliveryAnswer.model_construct(data=_existing(delivery, id_, delivery_id)))


@router.post("/{deliveryId}/redeliver", dependencies=[no_parameters], **operations.REDELIVER)
async def redeliver(id_: GroupId, delivery_id: DeliveryId, backends: OpenBackends) -> Response:
    """Send it again, now, whatever became of it; the retries begin anew."""
    await existing_group(backends, id_)
    async with backends.engine.connect() as connection:
        delivery = await delivery_reads.deliver_again(connection, id_, delivery_id)
    document = DeliveryAnswer.model_construct(data=_existing(delivery, id_, delivery_id))
    return json_response(document, status=202, headers={"Location": f"{PREFIX}/{id_}/deliveries/{delivery_id}"})


def _existing(delivery: DeliveryResource | None, group_id: UUID, id_: UUID) -> DeliveryResource:
    if delivery is None:
        raise Problem("not_found", f"there is no delivery {id_} in job group {group_id}")
    return delivery
