"""`/dead-letters`: what could not be carried out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from api_stub import operations
from api_stub.auth import admitted
from api_stub.backends import OpenBackends
from api_stub.documents import DeadLetterAnswer, DeadLetterList, json_response
from api_stub.listings import DeadLetterPage, no_parameters, once_each, page_links
from api_stub.problems import Problem
from models.store import dead_letter_reads

router = APIRouter(
    prefix="/dead-letters",
    tags=["dead letters"],
    dependencies=[admitted],
    generate_unique_id_function=operations.name_of,
)


@router.get("", dependencies=[once_each], **operations.LIST_DEAD_LETTERS)
async def list_dead_letters(asked: DeadLetterPage, request: Request, backends: OpenBackends) -> Response:
    """List the messages that were set aside, newest first."""
    async with backends.engine.connect() as connection:
        page = await dead_letter_reads.list_dead_letters(connection, asked.paging(), reason=asked.reason)
    return json_response(
        DeadLetterList.model_construct(data=page.items, total=page.total), headers=page_links(request, page)
    )


@router.get("/{id}", dependencies=[no_parameters], **operations.GET_DEAD_LETTER)
async def get_dead_letter(
    id_: Annotated[UUID, Path(alias="id", description="The dead letter's id.")], backends: OpenBackends
) -> Response:
    """Read one of them; `jobgroups dead-letters replay` sends it again."""
    async with backends.engine.connect() as connection:
        letter = await dead_letter_reads.get_dead_letter(connection, id_)
    if letter is None:
        raise Problem("not_found", f"there is no dead letter {id_}")
    return json_response(DeadLetterAnswer.model_construct(data=letter))
