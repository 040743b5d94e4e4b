"""Commands carried out: sent, confirmed, and answered with their outcome.

A client has no database to look into when it hears nothing. It sends the command again under the same id instead, and
is told the outcome that the service has kept.
"""

import asyncio
import threading
from concurrent.futures import Future
from contextlib import AsyncExitStack
from itertools import chain, repeat
from typing import Self

from redis.asyncio import Redis

from client.broker import CONNECT_TIMEOUT_SECONDS, SOCKET_TIMEOUT_SECONDS
from client.outcomes import OutcomeListener
from client.producer import BrokerUnavailable, CommandProducer
from models.commands import CommandEnvelope
from models.outcome import Outcome

PATIENCE_SECONDS = 60.0
REPEAT_SECONDS = (5.0, 10.0, 20.0)
"""How long to listen before the command is sent again; the last repeats. Long: a service that is busy is no quicker for
being asked twice."""


class OutcomeUnknown(Exception):  # noqa: N818 - a state, not a fault
    """There was no outcome in time. The command may still take effect: send it again under the same id to learn of it,
    or ask `GET /commands/{id}`."""


class AsyncCommandClient:
    """Carries out commands, any number at once below what the producer holds. To be used with `async with`."""

    def __init__(self, broker_url: str, redis_url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._producer_of = lambda: CommandProducer(broker_url, patience_seconds=patience_seconds)
        self._redis_of = lambda: Redis.from_url(
            redis_url, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS, socket_timeout=SOCKET_TIMEOUT_SECONDS
        )
        self._patience_seconds = patience_seconds
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._producer = await self._open.enter_async_context(self._producer_of())
        self._outcomes = OutcomeListener(await self._open.enter_async_context(self._redis_of()))
        await self._open.enter_async_context(self._outcomes.listening())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def carry_out(self, envelope: CommandEnvelope) -> Outcome:
        """Return what became of the command, succeeded or rejected. Its `replyTo` is set here.

        Raises OutcomeUnknown where that was not to be learned within the client's patience; ValueError for data that no
        message can carry.
        """
        envelope = envelope.model_copy(update={"reply_to": self._outcomes.channel})
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._ask(envelope)
        except TimeoutError:
            reason = f"no outcome of command {envelope.id} within {self._patience_seconds:g} s"
        except BrokerUnavailable as error:
            reason = f"command {envelope.id}: {error}"
        raise OutcomeUnknown(f"{reason}; it may still take effect: send it again under the same id")

    async def _ask(self, envelope: CommandEnvelope) -> Outcome:
        with self._outcomes.expecting(envelope) as arrival:
            for seconds in chain(REPEAT_SECONDS, repeat(REPEAT_SECONDS[-1])):
                await self._producer.send(envelope)
                await asyncio.wait([arrival], timeout=seconds)
                if arrival.done():
                    break
            return arrival.result()


class CommandClient:
    """The same for threads: the asynchronous client in a thread of its own. To be used with `with`; what has no outcome
    at the end is cancelled."""

    def __init__(self, broker_url: str, redis_url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._client = AsyncCommandClient(broker_url, redis_url, patience_seconds=patience_seconds)
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="command-client", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.result().call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def submit(self, envelope: CommandEnvelope) -> Future[Outcome]:
        """Return at once what will have the outcome, or raise as `AsyncCommandClient.carry_out` does."""
        return asyncio.run_coroutine_threadsafe(self._client.carry_out(envelope), self._loop.result())

    def carry_out(self, envelope: CommandEnvelope) -> Outcome:
        """Return what became of the command; raises as `AsyncCommandClient.carry_out` does."""
        return self.submit(envelope).result()

    async def _serve(self) -> None:
        try:
            async with self._client:
                self._loop.set_result(asyncio.get_running_loop())
                await self._ending.wait()
        except BaseException as error:
            if not self._loop.done():
                self._loop.set_exception(error)
            raise
