"""The API keys that a process of the HTTP stub knows: the configured ones, and a copy of the table's.

A copy, because a key is asked about with every request: so a request costs the database nothing, and keys that were
good go on being good while the database is away.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api_stub.problems import Problem
from models.api_key import digest_of, owner_of
from models.store.api_keys import live_keys
from models.store.engine import make_async_engine

READ_ONLY = ":read"
REFRESH_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 3.0
REVOCATION_SECONDS = REFRESH_SECONDS + READ_TIMEOUT_SECONDS
"""A revoked key is refused after at most so long, while the database answers."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a key. `owner` tells keys apart, in logs and events, without telling the key."""

    owner: str
    may_write: bool
    per_minute: int | None = None
    """Requests that the key may send; None: as many as the service lets everybody."""


class KnownKeys:
    """Who holds which key. The configured keys are known from the start, the table's after the first reading."""

    def __init__(self, configured: Iterable[SecretStr], engine: AsyncEngine) -> None:
        self._configured = dict(_configured(key.get_secret_value()) for key in configured)
        self._stored: Mapping[bytes, Caller] = {}
        self._engine = engine
        self._reading = asyncio.Lock()
        self._began_at = float("-inf")
        self._readable = True
        self._tell = _nothing

    def on_revocation(self, tell: Callable[[], None]) -> None:
        """Have `tell` called whenever keys that were known are so no longer."""
        self._tell = tell

    def find(self, key: str) -> Caller | None:
        """Return who holds `key` as far as this process knows.

        The look-up takes a time that depends on the key's digest, which nobody can steer who does not have the key.
        """
        return self.find_by_digest(digest_of(key))

    def find_by_digest(self, digest: bytes) -> Caller | None:
        """Return who holds the key of this SHA-256."""
        return self._configured.get(digest) or self._stored.get(digest)

    async def find_new(self, key: str) -> Caller | None:
        """Return who holds `key`, which may have been made a moment ago; None: it is nobody's.

        Raises Problem (503) where the table cannot be read: whether the key is wrong cannot be told then.
        """
        return await self.find_new_by_digest(digest_of(key))

    async def find_new_by_digest(self, digest: bytes) -> Caller | None:
        """The same for the key of this SHA-256."""
        if not await self._read():
            raise Problem.unavailable("the database does not answer, and without it this key cannot be checked")
        return self.find_by_digest(digest)

    async def keep_fresh(self) -> None:
        """Read the table again and again, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._read()

    async def warn_if_none(self) -> None:
        """Read the table, and say how to make a key where there is none."""
        if await self._read() and not (self._configured or self._stored):
            log.warning("no_api_keys", detail="every request gets 401 until there is one: jobgroups keys create NAME")

    async def _read(self) -> bool:
        """Read the table and return whether that worked. All who ask during one reading share the next."""
        asked_at = time.monotonic()
        async with self._reading:
            if self._began_at < asked_at:
                self._began_at = time.monotonic()
                self._readable = await self._try_to_read()
            return self._readable

    async def _try_to_read(self) -> bool:
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS), self._engine.connect() as connection:
                stored = await live_keys(connection)
        except (SQLAlchemyError, OSError) as error:
            if self._readable:
                log.warning("api_keys_not_read", error=repr(error))
            return False
        before = self._stored
        self._stored = {
            digest: Caller(key.owner, "write" in key.scopes, key.per_minute) for digest, key in stored.items()
        }
        if before.keys() - stored.keys():
            self._tell()
        return True


@asynccontextmanager
async def known_keys(configured: Iterable[SecretStr], database_url: str) -> AsyncIterator[KnownKeys]:
    """Give the keys, kept fresh over a connection of their own, which no rush of requests can keep busy."""
    engine = make_async_engine(database_url, pool_size=1).execution_options(isolation_level="AUTOCOMMIT")
    keys = KnownKeys(configured, engine)
    await keys.warn_if_none()
    refreshing = asyncio.create_task(keys.keep_fresh())
    try:
        yield keys
    finally:
        refreshing.cancel()
        with suppress(asyncio.CancelledError):
            await refreshing
        await engine.dispose()


def _nothing() -> None:
    pass


def _configured(written: str) -> tuple[bytes, Caller]:
    key = written.removesuffix(READ_ONLY)
    digest = digest_of(key)
    return digest, Caller(owner_of(digest), may_write=key == written)
