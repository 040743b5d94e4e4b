"""What callers read of deliveries, and how they ask for one again."""

from uuid import UUID

from sqlalchemy import RowMapping, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.delivery import DeliveryResource, DeliveryStatus
from models.store.deliveries import ANNOUNCE
from models.store.delivery_table import deliveries
from models.store.paging import Page, Paging, Selection, read_page
from models.store.sorting import Order

_d = deliveries.c
_SHOWN = tuple(_d[name] for name in DeliveryResource.model_fields)


async def list_deliveries(
    connection: AsyncConnection, group_id: UUID, paging: Paging, status: DeliveryStatus | None = None
) -> Page[DeliveryResource]:
    """Return a page of the group's deliveries, newest first: all of them, or those of one status.

    Raises ValidationFailed naming `cursor`.
    """
    selection = Selection(
        deliveries,
        _SHOWN,
        within=(_d.group_id == group_id) & (true() if status is None else _d.status == status),
        order=Order((_d.id,), descending=True),
        asked=("deliveries", str(group_id), status),
    )
    page = await read_page(connection, selection, paging)
    return page.of([_shown(row) for row in page.items])


async def get_delivery(connection: AsyncConnection, group_id: UUID, id_: UUID) -> DeliveryResource | None:
    """Return the delivery, or None if the group has none of this id."""
    query = select(*_SHOWN).where(_d.group_id == group_id, _d.id == id_)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _shown(row)


async def deliver_again(connection: AsyncConnection, group_id: UUID, id_: UUID) -> DeliveryResource | None:
    """Let the delivery begin anew, whatever became of it, and return it; None if the group has none of this id.

    What is heard of an attempt that is under way does not count any more.
    """
    anew = {"status": DeliveryStatus.PENDING, "attempts": 0, "next_attempt_at": func.now(), "ended_at": None}
    query = update(deliveries).where(_d.group_id == group_id, _d.id == id_).values(anew).returning(*_SHOWN)
    row = (await connection.execute(query)).mappings().one_or_none()
    await connection.execute(ANNOUNCE)
    return None if row is None else _shown(row)


def _shown(row: RowMapping) -> DeliveryResource:
    return DeliveryResource.model_validate(dict(row))
