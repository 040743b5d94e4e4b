"""A real receiver of webhooks on loopback, which verifies what it gets with the library that receivers use.

As a program (`python -m tests.webhook_receiver PORT FILE SECRET`) it can be killed: it appends the id of each message
that it has taken to FILE before it says so, and answers what it sees for the first time with 500.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Receiver(ThreadingHTTPServer):
    """Verifies each request, keeps it, and gives the answer of its path: 204 unless `answers` has another."""

    daemon_threads = True

    def __init__(self, secret: str | bytes | None = SECRET, port: int = 0, **answers: Answer) -> None:
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers = {f"/{path}": answer for path, answer in answers.items()}
        self.over = Event()
        """Ends what hangs."""

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if secret is not None:
                    receiver.taken.append(Webhook(secret).verify(body, headers))
                receiver.headers.append({":path": self.path, **headers})
                receiver.answers.get(self.path, answer(204))(self)

            def log_message(self, *_: Any) -> None:
                pass

        receiver = self
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, *_: Any) -> None:
        """A sender that hangs up is no news."""

    def url(self, path: str = "hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}/{path}"

    def ids(self, path: str = "hook") -> list[str]:
        """Return the `webhook-id` of every request to `path`, in their order."""
        return [headers["webhook-id"] for headers in self.headers if headers[":path"] == f"/{path}"]


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return send


def in_turn(*answers: Answer) -> Answer:
    """Give each answer once, the last one from then on."""
    left = list(answers)

    def send(request: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return send


def hang(request: BaseHTTPRequestHandler) -> None:
    request.server.over.wait(60)  # type: ignore[attr-defined]


def reset(request: BaseHTTPRequestHandler) -> None:
    """Hang up in the middle of the status line."""
    request.wfile.write(b"HTTP/1.1 2")
    request.connection.close()


def drip(request: BaseHTTPRequestHandler) -> None:
    """Send a byte of the head now and then: no single wait is long."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    while not request.server.over.wait(0.05):  # type: ignore[attr-defined]
        request.wfile.write(b"x")


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while not request.server.over.is_set():  # type: ignore[attr-defined]
        request.wfile.write(b"x" * 65536)


@contextmanager
def receiving(secret: str | bytes | None = SECRET, **answers: Answer) -> Iterator[Receiver]:
    receiver = Receiver(secret, **answers)
    thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def _keep(taken: Path) -> Answer:
    seen: set[str] = set()

    def send(request: BaseHTTPRequestHandler) -> None:
        id_ = request.headers["webhook-id"]
        if id_ not in seen:
            seen.add(id_)
            answer(500)(request)
            return
        with taken.open("a") as file:
            file.write(f"{id_}\n")
            file.flush()
            os.fsync(file.fileno())
        answer(204)(request)

    return send


if __name__ == "__main__":
    _, port, file, secret = sys.argv
    program = Receiver(secret, int(port))
    program.answers["/hook"] = _keep(Path(file))
    Thread(target=program.serve_forever, daemon=True).start()
    while True:
        time.sleep(60)
