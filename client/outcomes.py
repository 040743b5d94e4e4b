"""Hearing what becomes of commands: one subscription for everything that a process waits for.

A Redis message can go missing, as while the connection is made again and nobody is subscribed. Whoever must know looks
into the inbox, where it can, or sends the command again under its id: the answer is the same outcome.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from models import names
from models.commands import CommandEnvelope
from models.outcome import Outcome

RECONNECT_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
SUBSCRIBE_TIMEOUT_SECONDS = 3
SILENCE_SECONDS = 15.0
"""After so long without a message, Redis is asked whether it is still there."""
PONG_SECONDS = 5.0

log = logging.getLogger(__name__)

Arrival = asyncio.Future[Outcome]


class OutcomeListener:
    """Outcomes as they arrive on `channel`, which commands name in their `replyTo`."""

    def __init__(self, redis: Redis) -> None:
        self.channel = names.OUTCOME_CHANNEL_PREFIX + secrets.token_hex(8)
        self._subscribed = asyncio.Event()
        self._redis = redis
        self._awaited: defaultdict[str, set[Arrival]] = defaultdict(set)

    @property
    def awaited_count(self) -> int:
        """How many commands somebody waits for."""
        return len(self._awaited)

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

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen meanwhile, over every loss of the connection. A Redis that is away holds nobody up for long."""
        running = asyncio.create_task(self._run())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._subscribed.wait(), SUBSCRIBE_TIMEOUT_SECONDS)
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - with nobody listening nobody would learn anything
                failures = 1 if self._subscribed.is_set() else failures + 1
                self._subscribed.clear()
                pause = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS)) - 1]
                log.warning("outcomes are not heard, next attempt in %s s: %r", pause, error)
                await asyncio.sleep(pause)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(self.channel)
            while True:
                message = await _next_message(subscription)
                if message["type"] == "subscribe":
                    self._subscribed.set()
                elif message["type"] == "message":
                    self._take(message["data"])

    def _take(self, published: bytes) -> None:
        """Hand the outcomes in one message to those who wait for them."""
        try:
            for written in from_json(published):
                if arrivals := self._awaited.get(written["commandId"]):
                    _resolve(arrivals, Outcome.model_validate(written))
        except (ValidationError, ValueError, TypeError, LookupError) as error:
            log.error("outcomes are not understood: %r", error)

    def _forget(self, command_id: str, arrival: Arrival) -> None:
        arrivals = self._awaited[command_id]
        arrivals.discard(arrival)
        if not arrivals:
            del self._awaited[command_id]


def _resolve(arrivals: Iterable[Arrival], outcome: Outcome) -> None:
    for arrival in arrivals:
        if not arrival.done():
            arrival.set_result(outcome)


async def _next_message(subscription: PubSub) -> dict[str, Any]:
    """Return what comes next; raises TimeoutError where the connection is dead without having been closed."""
    message: dict[str, Any] | None = await subscription.get_message(timeout=SILENCE_SECONDS)
    if message is None:
        await subscription.ping()
        message = await subscription.get_message(timeout=PONG_SECONDS)
    if message is None:
        raise TimeoutError("Redis does not answer")
    return message
