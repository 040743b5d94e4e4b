"""A real HTTP server on loopback that behaves as badly as it is told to, and what tests of fetching share."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from workers.engine.dispatched_job import Document
from workers.engine.documents import fetch
from workers.engine.engine_settings import EngineSettings
from workers.engine.reader import Unreadable

INVOICE = b"%PDF-1.7 an invoice"
LIMIT_BYTES = 100_000

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path by its function, and keeps the paths that it was asked for."""

    daemon_threads = True

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                answers[self.path](self)

            def log_message(self, *_: Any) -> None:
                pass

        server = self
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up on purpose is no news."""


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return send


def drip(request: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, for ever: no single wait is long."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x")
        time.sleep(0.02)


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65536)


ANSWERS: dict[str, Answer] = {
    "/invoice.pdf": answer(200, INVOICE),
    "/moved": answer(302, Location="/invoice.pdf"),
    "/missing": answer(404),
    "/locked": answer(403),
    "/busy": answer(503),
    "/throttled": answer(429),
    "/drip": drip,
    "/endless": endless,
    "/half": answer(200, INVOICE, Content_Length="1000"),
    "/no-http": lambda request: request.wfile.write(b"SMTP ready\r\n\r\n") and None,
}


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def trusting(**settings: Any) -> EngineSettings:
    """Settings that allow the test's own server."""
    defaults: dict[str, Any] = {
        "allowed_hosts": "127.0.0.1",
        "allow_http": True,
        "fetch_timeout_seconds": 5,
        "max_document_bytes": LIMIT_BYTES,
    }
    return EngineSettings(**defaults | settings)


def url(server: Server, path: str = "/invoice.pdf", host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_port}{path}"


def refusal(uri: str, settings: EngineSettings, sha256: str | None = None) -> Unreadable:
    with pytest.raises(Unreadable) as refused:
        fetch(Document(uri=uri, sha256=sha256), settings)
    return refused.value


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let every name resolve to the next of `answers` (lists of addresses), and return the names asked for so far."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        if host[0].isdecimal():
            return real(host, port, *args, **kwargs)
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr("client.public_network.socket.getaddrinfo", getaddrinfo)
    return asked
