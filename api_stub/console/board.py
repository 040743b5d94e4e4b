"""`/console/`: the board of all groups, and each of its rows."""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api_stub.backends import OpenBackends
from api_stub.console.addresses import Asked
from api_stub.console.pages import page
from api_stub.console.visitors import Visiting
from models.fields import Priority
from models.lifecycle import Status
from models.store import queries
from models.store.cursors import MAX_CURSOR_LENGTH
from models.store.queries import Listing

ROWS_COUNT = 25
SORTS = {
    "createdAt": "Created",
    "updatedAt": "Updated",
    "finishedAt": "Finished",
    "name": "Name",
    "priority": "Priority",
}
"""What the board is sorted by, and what that is called."""
Date = Literal["createdAt", "updatedAt", "finishedAt"]
DATES: dict[Date, str] = {"createdAt": "created_at", "updatedAt": "updated_at", "finishedAt": "finished_at"}
"""The dates that a row can show."""

router = APIRouter()


class BoardQuery(Asked):
    """Which groups."""

    search: str = Field("", max_length=200)
    status: Status | Literal[""] = ""
    priority: Priority | Literal[""] = ""
    template: str = Field("", max_length=200)
    sort: Literal["createdAt", "updatedAt", "finishedAt", "name", "priority"] = "createdAt"
    order: Literal["asc", "desc"] = "desc"
    cursor: str = Field("", max_length=MAX_CURSOR_LENGTH)

    @property
    def date(self) -> Date:
        """Which date to show: the one that the order follows, lest it look like none."""
        return self.sort if self.sort in DATES else "updatedAt"

    @property
    def narrows(self) -> bool:
        """Whether only some groups are asked for."""
        return bool(self.search or self._conditions)

    @property
    def _conditions(self) -> dict[str, str]:
        return {name: value for name in ("status", "priority", "template") if (value := getattr(self, name))}

    def listing(self) -> Listing:
        """Return what to ask the database for. Counting many groups takes long; an estimate does here."""
        return Listing(
            limit=ROWS_COUNT,
            cursor=self.cursor or None,
            count="estimated",
            sort=self.sort,
            order=self.order,
            filter=json.dumps(self._conditions) if self._conditions else None,
            search=self.search or None,
        )


@router.get("/")
async def board(
    asked: Annotated[BoardQuery, Query()], request: Request, visitor: Visiting, backends: OpenBackends
) -> Response:
    """Show a page of groups."""
    async with backends.engine.connect() as connection:
        found = await queries.list_groups(connection, asked.listing())
    return page(request, "board.html", visitor=visitor, asked=asked, found=found, **_choices())


@router.get("/groups/{id}/row")
async def row(
    id: UUID, request: Request, visitor: Visiting, backends: OpenBackends, date: Date = "updatedAt"
) -> Response:
    """Show one row, as it is by now; empty where its group was deleted."""
    group = await backends.groups.find(id)
    return page(request, "row.html", visitor=visitor, group=group, id=id, date=date, dates=DATES)


def _choices() -> dict[str, Any]:
    return {"statuses": list(Status), "priorities": list(Priority), "sorts": SORTS, "dates": DATES}
