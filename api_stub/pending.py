"""Commands that were sent and answered with 202: remembered, so that "pending" and "unknown" can be told apart."""

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models import names

PENDING_SECONDS = 86_400
"""A command that has no outcome after a day is not going to have one."""

log = structlog.get_logger()


async def remember(redis: Redis, command_id: str, type_: str) -> None:
    """Note that the command is under way. A note that fails is only logged: the command is sent all the same."""
    try:
        await redis.set(_key(command_id), type_, ex=PENDING_SECONDS)
    except (RedisError, OSError) as error:
        log.warning("pending_command_not_remembered", command_id=command_id, error=repr(error))


async def recall(redis: Redis, command_id: str) -> str | None:
    """Return the type of a command that was noted, or None; raises RedisError where Redis is away."""
    type_ = await redis.get(_key(command_id))
    return type_.decode() if isinstance(type_, bytes) else type_


def _key(command_id: str) -> str:
    return f"{names.SERVICE}.pending.{command_id}"
