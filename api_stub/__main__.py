"""`python -m api_stub`: serve HTTP on JOBGROUPS_HOST and JOBGROUPS_PORT until SIGTERM or Ctrl-C."""

import gc
import resource
import signal
import socket
import sys
from typing import NoReturn

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from api_stub.app import create_app
from api_stub.strict_http import StrictHttp
from client.span_export import start_tracing
from heartbeat import Heartbeat
from logs import configure_logging
from metrics import serve_metrics
from settings import MissingSetting, Settings, explain

SHUTDOWN_SECONDS = 4
"""How long requests under way may hold up the end."""
KEEP_ALIVE_SECONDS = 75
"""Longer than proxies and clients keep an idle connection: whoever closes it second may have sent a request on it."""
MAX_CONNECTIONS_COUNT = 1000
"""Beyond them, and those that readers of the feed keep, requests are answered with 503: an open connection costs a file
descriptor, of which there are few."""
SPARE_FILES_COUNT = 200
"""Files that the process itself has open, at most: connections to servers, modules, logs."""
EXIT_STATUS_NOT_STARTED = 2


class Server(uvicorn.Server):
    """Does not let its end wait: who waits for an outcome is told with 202 where it will be, the feed's streams end."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._app = app
        self._heartbeat = Heartbeat(settings.heartbeat_file)
        connections_count = MAX_CONNECTIONS_COUNT + settings.feed_readers_max_count
        _allow_files(connections_count + SPARE_FILES_COUNT)
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                # By default uvicorn believes any process of this machine about where its requests come from.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies,
                http=StrictHttp,
                ws="none",
                limit_concurrency=connections_count,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and leave what is there by then out of every later garbage collection.

        It stays until the end, and walking through it took a quarter of the time of a write.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    async def on_tick(self, counter: int) -> bool:
        """Beat with the event loop: uvicorn comes by ten times a second, unless something holds the loop up."""
        self._heartbeat.beat()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way, then end."""
        self._app.state.backends.outcomes.stop_waiting()
        self._app.state.backends.streams.close()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until told to stop."""
    # When all is answered uvicorn raises the signal again: left to itself that would look as if it had been killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = Settings()
        configure_logging(settings.log_level)
        start_tracing("api")
        server = Server(create_app(settings), settings)
        sockets = [_shared_socket(settings.host, settings.port)] if settings.port_shared else None
    except MissingSetting as error:
        _refuse(str(error))
    except ValidationError as error:
        _refuse(explain(error))
    except OSError as error:
        _refuse(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}")
    serve_metrics(settings)
    server.run(sockets)


def _shared_socket(host: str, port: int) -> socket.socket:
    """Bound, not listening: until this process can answer, the kernel gives the port's connections to the others."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without its protocol spelled out asyncio leaves Nagle's algorithm on, which halves what a process can answer.
    shared = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        shared.setsockopt(socket.SOL_SOCKET, option, 1)
    shared.bind((host, port))
    return shared


def _allow_files(count: int) -> None:
    """Let the process have `count` files open, or as many as it may: a shell often allows 1024, and then it may have
    more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if most == resource.RLIM_INFINITY else min(count, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _refuse(problem: str) -> NoReturn:
    sys.stderr.write(f"api_stub: {problem}\n")
    raise SystemExit(EXIT_STATUS_NOT_STARTED)


if __name__ == "__main__":
    main()
