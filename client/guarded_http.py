"""One HTTP exchange with an address that a stranger chose: guarded, without redirects, and within a deadline."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

import httpcore
import httpx

from client.public_network import ForbiddenAddress, GuardedNetwork


class Unreachable(Exception):  # noqa: N818 - it names the state
    """No answer came: no connection, no certificate that can be trusted, no HTTP, or not in time."""


@contextmanager
def exchange(
    method: str,
    address: str,
    headers: Mapping[str, str],
    content: bytes | None = None,
    *,
    allowed_hosts: Sequence[str],
    deadline: float,
) -> Iterator[httpcore.Response]:
    """Send a request and give the answer, whose body is still to be read; all of it ends at `deadline`, of
    time.monotonic(). See GuardedNetwork for `allowed_hosts`.

    Raises ForbiddenAddress or Unreachable, in the block as well.
    """
    url = _readable(address)
    network = GuardedNetwork(allowed_hosts, deadline)
    try:
        with (
            httpcore.ConnectionPool(_trust(), network_backend=network) as pool,
            pool.stream(method, url, headers=list(headers.items()), content=content) as response,
        ):
            yield response
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, ssl.SSLError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}".removesuffix(": ")) from error


def _readable(address: str) -> str:
    try:
        url = httpx.URL(address)
        # The host is decoded, and so judged, when it is asked for; the port by nobody before the socket.
        anonymous, host, port = not url.userinfo, url.host, urlsplit(address).port
    except (httpx.InvalidURL, ValueError) as error:
        raise ForbiddenAddress(f"no web address: {error}") from error
    if not (anonymous and host) or port == 0:
        raise ForbiddenAddress("an address must name a host, and neither user nor password")
    return str(url)


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()
