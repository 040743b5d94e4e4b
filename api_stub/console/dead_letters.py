"""`/console/dead-letters`: what could not be carried out, sending it again, and throwing it away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field
from sqlalchemy import Engine

from api_stub.backends import Backends, OpenBackends
from api_stub.console.addresses import Asked
from api_stub.console.pages import PREFIX, Notice, page
from api_stub.console.visitors import Visiting, Visitor
from api_stub.problems import Problem
from client.producer import BrokerUnavailable
from client.replaying import NotReplayable, replay
from models import names
from models.commands import COMMANDS
from models.dead_letter import DeadLetterReason
from models.store import dead_letter_reads
from models.store.cursors import MAX_CURSOR_LENGTH
from models.store.engine import make_engine
from models.store.graveyard import dig_up, discard
from models.store.paging import Paging

LETTERS_COUNT = 25
REPLAYABLE = COMMANDS.keys() | {names.HANDLE_BATCH}
"""What a letter can be filed under that a replay can send. All else was never a command."""

log = structlog.get_logger()
router = APIRouter(prefix="/dead-letters")


class LettersQuery(Asked):
    """Which letters."""

    reason: DeadLetterReason | Literal[""] = ""
    cursor: str = Field("", max_length=MAX_CURSOR_LENGTH)


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
        raise _no_letter(id)
    return page(request, "dead_letter.html", visitor=visitor, letter=letter, replayable=REPLAYABLE)


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


@router.post("/{id}/discard")
async def discard_letter(id: UUID, visitor: Visiting, backends: OpenBackends) -> Response:
    """Delete the letter for good, and show those that are left."""
    if not await asyncio.to_thread(_discard, backends, id):
        raise _no_letter(id)
    log.info("dead_letter_discarded", id=str(id), actor=visitor.caller.owner)
    return RedirectResponse(f"{PREFIX}/dead-letters", 303)


def _replay(backends: Backends, id_: UUID) -> int:
    with _engine(backends) as engine:
        with engine.connect() as connection:
            letter = dig_up(connection, id_)
        if letter is None:
            raise _no_letter(id_)
        return replay(engine, backends.producer, id_, letter)


def _discard(backends: Backends, id_: UUID) -> bool:
    with _engine(backends) as engine, engine.begin() as connection:
        return bool(discard(connection, [id_]))


@contextmanager
def _engine(backends: Backends) -> Iterator[Engine]:
    """Connections beside those that requests share: both are rare, and a replay waits for the broker."""
    engine = make_engine(backends.settings.require("database_url"))
    try:
        yield engine
    finally:
        engine.dispose()


def _no_letter(id_: UUID) -> Problem:
    return Problem("not_found", f"there is no dead letter {id_}; it may have been discarded")


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
        replayable=REPLAYABLE,
        notice=notice,
    )
