"""Commands that were sent and answered with 202: remembered, so that "pending" and "unknown" can be told apart."""

import asyncio
from collections.abc import Collection

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api_stub.gathering import Gathering
from models import names

PENDING_SECONDS = 86_400
"""A command that has no outcome after a day is not going to have one."""

NOTE_SECONDS = 2
"""How long an answer waits for its note. While Redis hangs, notes that go together would wait for those before them."""

log = structlog.get_logger()

_Note = tuple[str, str]
"""A command's id and type."""


class PendingCommands:
    """The notes of all API processes, in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._notes: Gathering[_Note, None] = Gathering(self._write)

    async def remember(self, command_id: str, type_: str) -> None:
        """Note that the command is under way. A note that fails is only logged: the command is sent all the same."""
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                await self._notes.ask((command_id, type_))
        except (RedisError, OSError) as error:
            log.warning("pending_command_not_remembered", command_id=command_id, error=repr(error))

    async def recall(self, command_id: str) -> str | None:
        """Return the type of a command that was noted, or None; raises RedisError where Redis is away."""
        type_ = await self._redis.get(_key(command_id))
        return type_.decode() if isinstance(type_, bytes) else type_

    async def _write(self, notes: Collection[_Note]) -> dict[_Note, None]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command_id, type_ in notes:
                pipeline.set(_key(command_id), type_, ex=PENDING_SECONDS)
            await pipeline.execute()
        return {}


def _key(command_id: str) -> str:
    return f"{names.SERVICE}.pending.{command_id}"
