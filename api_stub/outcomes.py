"""Waiting for what becomes of commands: what is announced, and the inbox behind it.

An announcement can go missing, the inbox cannot: whoever waits also looks there, at growing intervals. The announcement
makes the answer fast, the inbox makes it certain.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, repeat
from typing import Any

import structlog
from redis.asyncio import Redis
from sqlalchemy.exc import SQLAlchemyError

from client.outcomes import Arrival, OutcomeListener
from models.commands import CommandEnvelope
from models.outcome import Outcome

LOOK_UP_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before looks into the inbox; the last repeats."""

log = structlog.get_logger()

InboxReader = Callable[[CommandEnvelope], Awaitable[Outcome | None]]


class OutcomeWaiter(OutcomeListener):
    """Waits for the announcement of an outcome, and looks into the inbox when it is late."""

    def __init__(self, redis: Redis, read_inbox: InboxReader) -> None:
        super().__init__(redis)
        self._read_inbox = read_inbox
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(
        self, envelope: CommandEnvelope, arrival: Arrival, seconds: float, *, id_is_shared: bool = False
    ) -> Outcome | None:
        """Return the outcome, or None if there is none after `seconds`, or once `stop_waiting` was called.

        `id_is_shared`: others may have sent something else under this id, and what is announced may be theirs.
        Raises CommandIdReused where the inbox has another command under this id.
        """
        began_at = time.monotonic()
        quick_seconds = min(seconds, LOOK_UP_SECONDS[0])
        done = await _first_of(arrival, self._closing, seconds=quick_seconds)
        if arrival in done and not id_is_shared:
            return arrival.result()
        if self._closing in done or (not done and quick_seconds == seconds):
            return None
        # An announcement names no more than the id; the inbox has what was asked under it as well.
        arrivals = () if id_is_shared else (arrival,)
        return await self._wait_and_look(envelope, arrivals, began_at + seconds - time.monotonic())

    def stop_waiting(self) -> None:
        """Let everybody go who waits for an outcome, now and from now on."""
        if not self._closing.done():
            self._closing.set_result(None)

    async def _wait_and_look(
        self, envelope: CommandEnvelope, arrivals: Iterable[Arrival], seconds: float
    ) -> Outcome | None:
        looking = asyncio.create_task(self._look_up(envelope))
        try:
            done = await _first_of(*arrivals, looking, self._closing, seconds=seconds)
        finally:
            looking.cancel()
        return done.pop().result() if done else None

    async def _look_up(self, envelope: CommandEnvelope) -> Outcome:
        for pause in chain((0.0,), LOOK_UP_SECONDS[1:], repeat(LOOK_UP_SECONDS[-1])):
            await asyncio.sleep(pause)
            try:
                outcome = await self._read_inbox(envelope)
            except SQLAlchemyError as error:
                log.warning("inbox_not_read", error=repr(error))
                continue
            if outcome is not None:
                return outcome
        raise AssertionError("the pauses never end")


async def _first_of(*ways: asyncio.Future[Any], seconds: float) -> set[asyncio.Future[Any]]:
    """Return those of `ways` that are done as soon as one is, none where none is within `seconds`."""
    done, _ = await asyncio.wait(ways, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return done
