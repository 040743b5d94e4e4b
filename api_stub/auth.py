"""Who calls: by API key, and how often."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from api_stub.known_keys import Caller, KnownKeys
from api_stub.problems import Problem
from api_stub.rate_limits import RateLimits

KEY_HEADER = "X-API-Key"
_header = APIKeyHeader(
    name=KEY_HEADER,
    scheme_name="ApiKey",
    description="A key that `jobgroups keys create` made, or one from JOBGROUPS_API_KEYS.",
    auto_error=False,
)


READING = "GET"
"""The method that changes nothing; every other one here does."""


async def admit(request: Request, key: Annotated[str | None, Security(_header)]) -> None:
    """Note who calls, as `request.state.caller`.

    Raises Problem: 401 without a known key, 429 for one request too many, 403 for a write with a key that only reads.
    """
    if not key:
        raise _unauthorized()
    caller = await holder_of(key, request)
    limits: RateLimits = request.app.state.rate_limits
    limits.admit_caller(request, caller)
    if request.method != READING and not caller.may_write:
        raise Problem("forbidden", "this key only reads; writing takes another")
    request.state.caller = caller


admitted = Depends(admit)
"""For routers. FastAPI walks through all that a dependency depends on wherever it is named, so it is named once."""


async def holder_of(key: str, request: Request) -> Caller:
    """Return who holds `key`; raises Problem: 401 where it is nobody's, 429 for one wrong key too many, 503."""
    keys: KnownKeys = request.app.state.known_keys
    return keys.find(key) or await _find_new(keys, key, request.app.state.rate_limits, request)


async def _find_new(keys: KnownKeys, key: str, limits: RateLimits, request: Request) -> Caller:
    """Look an unknown key up, unless too many came from there.

    Only unknown keys are ever held back: if a throttled address were shut out altogether, one stranger behind a
    proxy or a NAT could shut out everybody else behind it.
    """
    limits.admit_unknown_key(request)
    caller = await keys.find_new(key)
    if caller is None:
        limits.count_wrong_key(request)
        raise _unauthorized()
    return caller


def _unauthorized() -> Problem:
    return Problem("unauthorized", "send a known key in the header X-API-Key")
