"""How many requests a minute: with one key, and with wrong keys from one address."""

from ipaddress import IPv6Address, IPv6Network, ip_address

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_stub.known_keys import Caller
from api_stub.problems import Problem
from api_stub.tallies import WINDOW_SECONDS, Standing, Tallies
from settings import Settings

IPV6_SITE_BITS = 64
"""What one client chooses its addresses from."""

log = structlog.get_logger()


class RateLimits:
    """Counts requests, and refuses those beyond the limits in the settings. A limit of 0 is none."""

    def __init__(self, tallies: Tallies, settings: Settings) -> None:
        self._tallies = tallies
        self._settings = settings

    def admit_caller(self, request: Request, caller: Caller) -> None:
        """Count a request; raises Problem (429) for one beyond what its key may send."""
        own = caller.per_minute
        quota_count = self._settings.rate_limit_per_minute if own is None else own
        if quota_count == 0:
            return
        standing = self._count(request, "key", caller.owner, quota_count)
        if standing.exceeded:
            raise _too_many("rate_limited", f"this key may send {quota_count} requests a minute", standing)

    def admit_unknown_key(self, request: Request) -> None:
        """Raises Problem (429) where too many wrong keys came from the client's address."""
        quota_count = self._settings.wrong_keys_per_minute
        if quota_count == 0:
            return
        standing = self._tallies.look("wrong-keys", site_of(request), quota_count)
        if standing.left_count == 0:
            request.state.rate_limit = _fields("wrong-keys", standing)
            raise _too_many("too_many_wrong_keys", f"an address may try {quota_count} wrong keys a minute", standing)

    def count_wrong_key(self, request: Request) -> None:
        """Hold a wrong key against the client's address."""
        if quota_count := self._settings.wrong_keys_per_minute:
            self._count(request, "wrong-keys", site_of(request), quota_count)

    def _count(self, request: Request, policy: str, who: str, quota_count: int) -> Standing:
        standing = self._tallies.count(policy, who, quota_count)
        request.state.rate_limit = _fields(policy, standing)
        if standing.used_count == quota_count:  # once, because a flood of requests must not flood the log
            log.warning("rate_limit_used_up", policy=policy, who=who, quota_count=quota_count)
        return standing


class TellRateLimit:
    """Says with every answer what the caller has left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start" and (fields := scope.get("state", {}).get("rate_limit")):
                MutableHeaders(scope=message).update(fields)
            await send(message)

        await self._app(scope, receive, send_with_limit)


def _fields(policy: str, standing: Standing) -> dict[str, str]:
    """Return the header fields of draft-ietf-httpapi-ratelimit-headers-09: what holds, and what is left of it."""
    return {
        "RateLimit-Policy": f'"{policy}";q={standing.quota_count};w={WINDOW_SECONDS}',
        "RateLimit": f'"{policy}";r={standing.left_count};t={standing.rest_seconds}',
    }


def _too_many(code: str, rule: str, standing: Standing) -> Problem:
    seconds = standing.rest_seconds
    return Problem(code, f"{rule}; try again in {seconds} s", headers={"Retry-After": str(seconds)})


def site_of(request: Request) -> str:
    """Return where a request comes from, as far as its sender cannot choose it."""
    host = request.client.host if request.client else "local"
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket, or what a trusted proxy made up
        return host
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((int(address), IPV6_SITE_BITS), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
