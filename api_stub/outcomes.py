"""Waiting for what becomes of commands: one subscription for all requests of this process, and the inbox behind it.

A Redis message can go missing (nobody is subscribed while the connection is made again), the inbox cannot: whoever
waits also looks there, at growing intervals. The message makes the answer fast, the inbox makes it certain.
"""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import structlog
from pydantic import ValidationError
from pydantic_core import from_json
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from sqlalchemy.exc import SQLAlchemyError

from models import names
from models.commands import CommandEnvelope
from models.outcome import Outcome

LOOK_UP_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before looks into the inbox; the last repeats."""
RECONNECT_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
SILENCE_SECONDS = 15.0
"""After so long without a message, Redis is asked whether it is still there."""
PONG_SECONDS = 5.0

log = structlog.get_logger()

Arrival = asyncio.Future[Outcome]
InboxReader = Callable[[CommandEnvelope], Awaitable[Outcome | None]]


class OutcomeListener:
    """Outcomes as they arrive on `channel`, which commands name in their `replyTo`."""

    def __init__(self, redis: Redis, read_inbox: InboxReader) -> None:
        self.channel = names.OUTCOME_CHANNEL_PREFIX + secrets.token_hex(8)
        self.subscribed = asyncio.Event()
        self._redis = redis
        self._read_inbox = read_inbox
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited: defaultdict[str, set[Arrival]] = defaultdict(set)

    @contextmanager
    def expecting(self, envelope: CommandEnvelope) -> Iterator[Arrival]:
        """Give the future of what is announced under the command's id. To be entered before the command is sent, lest
        it be missed. Several may wait at once, where a client repeats a request that it gave up."""
        arrival: Arrival = asyncio.get_running_loop().create_future()
        self._awaited[envelope.id].add(arrival)
        try:
            yield arrival
        finally:
            self._forget(envelope.id, arrival)

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

    async def run(self) -> None:
        """Listen until cancelled, over every loss of the connection."""
        failures = 0
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - with nobody listening every write would wait for its look-up
                failures = 1 if self.subscribed.is_set() else failures + 1
                self.subscribed.clear()
                pause = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS)) - 1]
                log.warning("outcomes_not_heard", retry_in_seconds=pause, error=repr(error))
                await asyncio.sleep(pause)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(self.channel)
            while True:
                message = await _next_message(subscription)
                if message["type"] == "subscribe":
                    self.subscribed.set()
                elif message["type"] == "message":
                    self._take(message["data"])

    def _take(self, published: bytes) -> None:
        """Hand the outcomes in one message to those who wait for them."""
        try:
            for written in from_json(published):
                if arrivals := self._awaited.get(written["commandId"]):
                    _resolve(arrivals, Outcome.model_validate(written))
        except (ValidationError, ValueError, TypeError, LookupError) as error:
            log.error("outcomes_not_understood", error=repr(error))

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

    def _forget(self, command_id: str, arrival: Arrival) -> None:
        arrivals = self._awaited[command_id]
        arrivals.discard(arrival)
        if not arrivals:
            del self._awaited[command_id]


def _resolve(arrivals: Iterable[Arrival], outcome: Outcome) -> None:
    for arrival in arrivals:
        if not arrival.done():
            arrival.set_result(outcome)


async def _first_of(*ways: asyncio.Future[Any], seconds: float) -> set[asyncio.Future[Any]]:
    """Return those of `ways` that are done as soon as one is, none where none is within `seconds`."""
    done, _ = await asyncio.wait(ways, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return done


async def _next_message(subscription: PubSub) -> dict[str, Any]:
    """Return what comes next; raises TimeoutError where the connection is dead without having been closed."""
    message: dict[str, Any] | None = await subscription.get_message(timeout=SILENCE_SECONDS)
    if message is None:
        await subscription.ping()
        message = await subscription.get_message(timeout=PONG_SECONDS)
    if message is None:
        raise TimeoutError("Redis does not answer")
    return message
