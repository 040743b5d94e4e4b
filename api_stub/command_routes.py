"""`/commands/{id}`: what became of a command."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from redis.exceptions import RedisError

from api_stub import operations, pending
from api_stub.auth import admitted
from api_stub.backends import Backends, OpenBackends
from api_stub.documents import CommandAnswer, PendingCommand, json_response
from api_stub.listings import no_parameters
from api_stub.problems import Problem
from models.commands import CommandId
from models.outcome import Outcome
from models.store import queries

router = APIRouter(tags=["commands"], dependencies=[admitted], generate_unique_id_function=operations.name_of)


@router.get("/commands/{id}", dependencies=[no_parameters], **operations.GET_COMMAND)
async def get_command(
    id_: Annotated[CommandId, Path(alias="id", description="The command's id.")], backends: OpenBackends
) -> Response:
    """Tell the outcome of a command, or that it has none yet."""
    command = await _outcome(backends, id_) or await _pending(backends, id_)
    if command is None:
        raise Problem("not_found", f"command {id_} has no outcome, and none was answered with 202 lately")
    return json_response(CommandAnswer.model_construct(data=command), exclude_none=True)


async def _outcome(backends: Backends, id_: str) -> Outcome | None:
    async with backends.engine.connect() as connection:
        handled = await queries.get_handled(connection, id_)
    return handled.outcome if handled else None


async def _pending(backends: Backends, id_: str) -> PendingCommand | None:
    try:
        type_ = await pending.recall(backends.redis, id_)
    except (RedisError, OSError):
        raise Problem.unavailable(
            "the command has no outcome yet; whether it is under way cannot be told now"
        ) from None
    return None if type_ is None else PendingCommand(command_id=id_, type=type_)
