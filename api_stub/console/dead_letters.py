"""`/console/dead-letters`: what could not be carried out, and sending it again."""

import asyncio
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from api_stub.backends import Backends, OpenBackends
from api_stub.console.group_page import Notice
from api_stub.console.pages import PREFIX, page
from api_stub.console.visitors import Visiting, Visitor
from api_stub.problems import Problem
from client.producer import BrokerUnavailable
from client.replaying import NotReplayable, replay
from models.dead_letter import DeadLetterReason
from models.store import dead_letter_reads
from models.store.cursors import MAX_CURSOR_LENGTH
from models.store.engine import make_engine
from models.store.graveyard import dig_up
from models.store.paging import Paging

LETTERS_COUNT = 25

router = APIRouter(prefix="/dead-letters")


class LettersQuery(BaseModel):
    """Which letters."""

    reason: DeadLetterReason | Literal[""] = ""
    cursor: str = Field("", max_length=MAX_CURSOR_LENGTH)

    def address(self, cursor: str | None) -> str | None:
        """Return the address of the page at `cursor` of the same list; None where there is none."""
        asked = {"cursor": cursor, "reason": self.reason}
        return f"{PREFIX}/dead-letters?{urlencode(asked)}" if cursor else None


@router.get("")
async def show_letters(
    asked: Annotated[LettersQuery, Query()], request: Request, visitor: Visiting, backends: OpenBackends
) -> Response:
    """Show a page of letters, newest first."""
    return await _letters(request, backends, visitor, asked)


@router.get("/{id}")
async def show_letter(id: UUID, request: Request, visitor: Visiting, backends: OpenBackends) -> Response:
    """Show one letter with what is in it."""
    async with backends.engine.connect() as connection:
        letter = await dead_letter_reads.get_dead_letter(connection, id)
    if letter is None:
        raise Problem("not_found", f"there is no dead letter {id}; it may have been discarded")
    return page(request, "dead_letter.html", visitor=visitor, letter=letter)


@router.post("/{id}/replay")
async def replay_letter(
    id: UUID,
    asked: Annotated[LettersQuery, Query()],
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
) -> Response:
    """Send the letter's commands again, under their ids."""
    try:
        count = await asyncio.to_thread(_replay, backends, id)
    except NotReplayable as error:
        notice, status = Notice(f"Nothing was sent: {error}", is_problem=True), 409
    except BrokerUnavailable as error:
        notice, status = Notice(f"{error}. Replay it again, that is safe.", is_problem=True), 503
    else:
        notice, status = Notice(f"Sent {count} command{'' if count == 1 else 's'} again."), 200
    if status == 200 and "hx-request" not in request.headers:
        return RedirectResponse(f"{PREFIX}/dead-letters", 303)  # so that a reload does not send it again
    return await _letters(request, backends, visitor, asked, notice=notice, status=status)


def _replay(backends: Backends, id_: UUID) -> int:
    """On a connection of its own, not of those that requests share: replays are rare, and wait for the broker."""
    engine = make_engine(backends.settings.require("database_url"))
    try:
        with engine.connect() as connection:
            letter = dig_up(connection, id_)
        if letter is None:
            raise Problem("not_found", f"there is no dead letter {id_}; it may have been discarded")
        return replay(engine, backends.producer, id_, letter)
    finally:
        engine.dispose()


async def _letters(
    request: Request,
    backends: Backends,
    visitor: Visitor,
    asked: LettersQuery,
    *,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    paging = Paging(limit=LETTERS_COUNT, cursor=asked.cursor or None, count="estimated")
    async with backends.engine.connect() as connection:
        found = await dead_letter_reads.list_dead_letters(connection, paging, reason=asked.reason or None)
    return page(
        request,
        "dead_letters.html",
        status=status,
        visitor=visitor,
        asked=asked,
        found=found,
        reasons=list(DeadLetterReason),
        next=asked.address(found.next),
        previous=asked.address(found.previous),
        notice=notice,
    )
