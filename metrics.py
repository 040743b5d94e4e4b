"""Where a process tells its metrics: in Prometheus' text format, over HTTP, on a port of its own."""

import os
import socket
import threading
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import REGISTRY, disable_created_metrics, make_wsgi_app
from prometheus_client.registry import Collector

from settings import Settings

REQUEST_SECONDS = 10
"""How long a request may take to arrive, and its reader to take the answer: as long as Prometheus waits for one."""

log = structlog.get_logger()

# A series more for each counter, of which Prometheus' own functions make no use.
disable_created_metrics()  # type: ignore[no-untyped-call]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ServerOverIpv6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """A line for each scrape would bury what happened."""


def serve_metrics(settings: Settings, registry: Collector = REGISTRY) -> None:
    """Serve `registry` on JOBGROUPS_METRICS_HOST and JOBGROUPS_METRICS_PORT for as long as the process lives; where no
    port is set, do nothing.

    Whoever reaches the port may read: no group, name or key is told there, but how much happens is. A port that cannot
    be had is logged: the service is worth more than its figures, and Prometheus says what it cannot reach.
    """
    if settings.metrics_port is None:
        return
    try:
        server = listen(settings.metrics_host, settings.metrics_port, registry)
    except OSError as error:
        log.error(
            "metrics_not_served",
            host=settings.metrics_host,
            port=settings.metrics_port,
            error=str(error),
            advice="give each process on a machine a JOBGROUPS_METRICS_PORT of its own",
        )
        return
    # A child that outlives its parent for a moment would keep the port from the parent's successor.
    os.register_at_fork(after_in_child=server.socket.close)


def listen(host: str, port: int, registry: Collector = REGISTRY) -> WSGIServer:
    """Serve `registry` in threads until the returned server is shut down; raises OSError. Port 0 takes any free one."""
    kind = _ServerOverIpv6 if ":" in host else _Server
    server = make_server(host, port, make_wsgi_app(registry), kind, _Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
