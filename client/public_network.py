"""Connections to the public internet and nowhere else, for addresses that strangers chose.

The guard stands where the socket is made: a name is resolved once, what it resolved to is judged, and that very
address is connected to. So it makes no difference how an address is spelled, and a name that changes its mind is not
asked again.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore
from httpcore import NetworkStream

IPAddress = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Third quarter of an address whose last quarter is the IPv4 address at the end of the tunnel (RFC 5214)."""
_NOBODYS: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
"""Which Python takes for global: the retired gateways of 6to4 (RFC 7526), and documentation (RFC 9637)."""


class ForbiddenAddress(Exception):  # noqa: N818 - it names the thing
    """A host that must not be connected to."""


def is_public(address: IPAddress) -> bool:
    """Return whether `address` is anybody's to reach: global, unicast, and not a private one in the guise of IPv6."""
    if isinstance(address, IPv6Address):
        inner = _inner_ipv4(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    if any(address in network for network in _NOBODYS):
        return False
    special = address.is_private or address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special


def _inner_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to `address` end at, where a gateway or a tunnel takes them there."""
    if address in _NAT64 or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class GuardedNetwork(httpcore.NetworkBackend):
    """The network as httpcore sees it, all of it within `deadline` (of time.monotonic()).

    With `allowed_hosts` (HOST or HOST:PORT, in lower case) these are connected to, whatever their address, and nothing
    else; without, any host all of whose addresses are public.
    """

    def __init__(self, allowed_hosts: Sequence[str], deadline: float) -> None:
        self._allowed_hosts = allowed_hosts
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline stands for all timeouts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Connect to `host`; raises ForbiddenAddress or httpcore.ConnectError."""
        failure = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                left = _seconds_left(self._deadline)
                stream = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host` that may be connected to, as numbers."""
        name = host.lower().rstrip(".")
        if self._allowed_hosts and not {name, f"{name}:{port}"} & set(self._allowed_hosts):
            raise ForbiddenAddress(f"{host} is not among the allowed hosts")
        found = _resolve(host, port)
        if not self._allowed_hosts and not all(is_public(ip_address(address)) for address in found):
            raise ForbiddenAddress(f"{host} is not a public address")
        return found


def _resolve(host: str, port: int) -> list[str]:
    # The one wait that our deadline cannot cut short; the system's resolver has limits of its own.
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
    return [str(address[0]) for *_, address in found]


def _seconds_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left


class _DeadlineStream(NetworkStream):
    """A stream that ends at the deadline, even when the other side sends a byte now and then."""

    def __init__(self, stream: NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _seconds_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _seconds_left(self._deadline))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> NetworkStream:
        encrypted = self._stream.start_tls(ssl_context, server_hostname, _seconds_left(self._deadline))
        return _DeadlineStream(encrypted, self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
