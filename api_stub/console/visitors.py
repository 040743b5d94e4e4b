"""Who looks at the console, and whether a write really comes from one of its pages."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from api_stub.auth import READING
from api_stub.console.sessions import Sessions
from api_stub.known_keys import Caller, KnownKeys
from api_stub.problems import Problem
from api_stub.rate_limits import RateLimits

COOKIE = "jobgroups_console"


class SignedOut(Exception):  # noqa: N818 - it leads to the login, and is no fault
    """Nobody is logged in, or nobody any more."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is logged in with the API key of this digest, and where the feed stood before anything was read for
    them: what happens from then on, their page is told."""

    caller: Caller
    key_digest: bytes
    position: int


async def visit(request: Request) -> Visitor:
    """Return who looks; raises SignedOut, and Problem: 403 for a write that is forged or beyond the key's scope, 429
    for one request too many, 503."""
    if request.method != READING:
        require_own_page(request)
    visitor = await _find(request)
    limits: RateLimits = request.app.state.rate_limits
    limits.admit_caller(request, visitor.caller)
    if request.method != READING and not visitor.caller.may_write:
        raise Problem("forbidden", "this key only reads; log in with one that writes")
    return visitor


async def _find(request: Request) -> Visitor:
    sessions: Sessions = request.app.state.sessions
    keys: KnownKeys = request.app.state.known_keys
    token = request.cookies.get(COOKIE)
    digest = await sessions.find(token) if token else None
    if digest is None:
        raise SignedOut
    # A key that was made a moment ago may be known to the process of the login and not yet to this one.
    caller = keys.find_by_digest(digest) or await keys.find_new_by_digest(digest)
    if caller is None:
        raise SignedOut
    return Visitor(caller, digest, request.app.state.backends.feed.ring.last)


def require_own_page(request: Request) -> None:
    """Raises Problem (403) for a form that another site sent: `SameSite=Strict` keeps the cookie from that already, but
    not from other ports of this host, nor does it guard the login."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    # Browsers leave Sec-Fetch-Site out where the page came in plain text from another machine.
    is_own = site == "same-origin" if site else urlsplit(origin).netloc == request.headers.get("host")
    if not is_own:
        raise Problem("forbidden", "this was not sent by a page of the console")


Visiting = Annotated[Visitor, Depends(visit)]
