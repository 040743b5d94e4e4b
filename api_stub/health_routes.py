"""`/healthz`: the process runs. `/readyz`: it can do its work, or what keeps it from that."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api_stub import operations
from api_stub.backends import Backends
from api_stub.documents import Health, json_response
from api_stub.problems import Problem
from client.broker import connect
from models.errors import FieldError
from models.store.tables import job_groups

CHECK_TIMEOUT_SECONDS = 2.0
"""How long a server may take to answer and still count as there."""
KEEP_SECONDS = 1.0
"""How long an answer of the servers holds."""

log = structlog.get_logger()
router = APIRouter(tags=["health"], generate_unique_id_function=operations.name_of)


class Readiness:
    """What keeps the process from working. Asked at most once a second, however many ask: anybody may."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._reasons: list[FieldError] = []
        self._checks: dict[str, asyncio.Task[FieldError | None]] = {}

    async def reasons(self) -> list[FieldError]:
        """Return which servers do not answer, and why; an empty list means ready."""
        async with self._asking:
            if time.monotonic() - self._asked_at > KEEP_SECONDS:
                self._reasons = await self._ask()
                self._asked_at = time.monotonic()
        return self._reasons

    async def _ask(self) -> list[FieldError]:
        backends = self._backends
        checks: dict[str, Callable[[], Awaitable[object]]] = {
            "postgresql": lambda: _read_a_table(backends.engine),
            "redis": lambda: _ping(backends.redis),
            "broker": lambda: asyncio.to_thread(_connect, backends.settings.require("broker_url")),
        }
        found = await asyncio.gather(*[self._reason(server, check) for server, check in checks.items()])
        return [reason for reason in found if reason]

    async def _reason(self, server: str, check: Callable[[], Awaitable[object]]) -> FieldError | None:
        """Ask `server`, unless it still owes the answer to an earlier question.

        A check that takes too long is left alone: cancelled, it would first wait for the silent server to confirm that.
        """
        running = self._checks.get(server)
        if running is None or running.done():
            running = self._checks[server] = asyncio.create_task(_reason(server, check()))
        done, _ = await asyncio.wait({running}, timeout=CHECK_TIMEOUT_SECONDS)
        if not done:
            return FieldError(field=server, message=f"does not answer within {CHECK_TIMEOUT_SECONDS:g} s")
        return running.result()


async def _of_request(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


@router.get("/healthz", **operations.ALIVE)
async def healthz() -> Response:
    """Tell that the process runs."""
    return json_response(Health(status="alive"))


@router.get("/readyz", **operations.READY)
async def readyz(readiness: Annotated[Readiness, Depends(_of_request)]) -> Response:
    """Tell whether PostgreSQL, Redis and the broker answer."""
    if reasons := await readiness.reasons():
        detail = "; ".join(f"{reason.field} {reason.message}" for reason in reasons)
        raise Problem.unavailable(detail, errors=reasons)
    return json_response(Health(status="ready"))


async def _reason(server: str, check: Awaitable[object]) -> FieldError | None:
    try:
        await check
    except Exception as error:  # noqa: BLE001 - whatever keeps it from answering is a reason
        # The kind only: the message may hold an address and a user, and anybody may ask.
        log.warning("not_ready", server=server, error=repr(error))
        return FieldError(field=server, message=f"does not answer: {type(error).__name__}")
    return None


async def _read_a_table(engine: AsyncEngine) -> None:
    """A table rather than `SELECT 1`: a database without its schema is not ready either."""
    async with engine.connect() as connection:
        await connection.execute(select(job_groups.c.id).limit(0))


async def _ping(redis: Redis) -> None:
    await redis.ping()


def _connect(broker_url: str) -> None:
    with connect(broker_url) as connection:
        connection.ensure_connection(max_retries=0)
