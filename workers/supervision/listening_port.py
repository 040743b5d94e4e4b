"""The TCP port of the HTTP stub: checked before anything starts, held until the stub takes it."""

import socket

from workers.supervision.processes import StartError


def reserve(host: str, port: int) -> socket.socket:
    """Bind `host`:`port` (0: any free port) without listening; close the socket to hand the port on.

    While it is bound the system gives the port to nobody else. Raises StartError when it is taken
    or the host is not ours.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        reservation = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"JOBGROUPS_HOST={host} is not an address of this machine: {error}") from error
    try:
        # As the stub does: connections of a predecessor that linger in TIME_WAIT do not count as taken.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(address)
    except OSError as error:
        reservation.close()
        raise StartError(
            f"Port {port} of {host} cannot be used ({error.strerror}). "
            "Stop what listens there, or set JOBGROUPS_PORT to another port (0 takes any free one)."
        ) from error
    return reservation


def free(count: int) -> list[int]:
    """Return `count` ports of loopback on which nothing listens at the moment."""
    reservations = [reserve("127.0.0.1", 0) for _ in range(count)]
    ports = [each.getsockname()[1] for each in reservations]
    for each in reservations:
        each.close()
    return ports


def url(host: str, port: int) -> str:
    """Return the address under which a client on this machine reaches a server bound to `host`:`port`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
