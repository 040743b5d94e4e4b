"""Who calls: API keys, which the service knows by their hashes only."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import SecretStr

from api_stub.problems import Problem

READ_ONLY = ":read"
_OWNER_DIGITS = 16


class NoApiKeys(Exception):  # noqa: N818 - it names what is missing
    """The service was started without a key to let anybody in by."""

    def __init__(self) -> None:
        super().__init__(
            "JOBGROUPS_API_KEYS is not set. Make a key with "
            '`python -c "import secrets; print(secrets.token_urlsafe(32))"`; '
            "KEY reads and writes, KEY:read only reads, commas separate several."
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a key. `owner` tells keys apart, in logs and events, without telling the key."""

    owner: str
    may_write: bool


class ApiKeys:
    """The configured keys; raises NoApiKeys where there is none."""

    def __init__(self, keys: Iterable[SecretStr]) -> None:
        self._callers = dict(_read(key.get_secret_value()) for key in keys)
        if not self._callers:
            raise NoApiKeys

    def caller(self, key: str) -> Caller | None:
        """Return who holds `key`, or None. Takes as long for a key that is nearly right as for any other."""
        presented = _hash(key)
        known = [caller for digest, caller in self._callers.items() if hmac.compare_digest(digest, presented)]
        return known[0] if known else None


def _read(configured: str) -> tuple[bytes, Caller]:
    key = configured.removesuffix(READ_ONLY)
    digest = _hash(key)
    return digest, Caller(digest.hex()[:_OWNER_DIGITS], may_write=key == configured)


def _hash(key: str) -> bytes:
    # A key has 256 random bits, which no dictionary holds: a slow hash would only slow the service down.
    return hashlib.sha256(key.encode()).digest()


_header = APIKeyHeader(
    name="X-API-Key", scheme_name="ApiKey", description="A key from JOBGROUPS_API_KEYS.", auto_error=False
)


async def reading_caller(request: Request, key: Annotated[str | None, Security(_header)]) -> Caller:
    """Return who calls; raises Problem (401) without a known key."""
    keys: ApiKeys = request.app.state.api_keys
    caller = keys.caller(key) if key else None
    if caller is None:
        raise Problem("unauthorized", "send a known key in the header X-API-Key")
    return caller


async def writing_caller(caller: Annotated[Caller, Depends(reading_caller)]) -> Caller:
    """Return who calls; raises Problem (403) for a key that only reads."""
    if not caller.may_write:
        raise Problem("forbidden", "this key only reads; writing takes another")
    return caller


ReadingCaller = Annotated[Caller, Depends(reading_caller)]
WritingCaller = Annotated[Caller, Depends(writing_caller)]
