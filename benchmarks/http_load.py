"""HTTP callers that cost little: one keep-alive connection each, requests written as bytes, answers read by llhttp."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import httptools

WARM_UP_SECONDS = 2.0
SPIN_SECONDS = 0.0015
"""An event loop's timer may be a millisecond late, which would be counted as the service's."""

Requests = Iterator[bytes]


def request(method: str, url: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n{said}"
    described = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{head}{described}\r\n".encode() + body


class Caller(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.body = b""
        """Of the last answer."""
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[int] | None = None

    @classmethod
    async def connect(cls, url: str) -> "Caller":
        """Return a caller with an open connection."""
        address = urlsplit(url)
        _, caller = await asyncio.get_running_loop().create_connection(cls, address.hostname, address.port)
        return caller

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send `request`; the future is the answer's status, and fails with ConnectionError."""
        self.body = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the service closed the connection"))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        assert self._answered
        self._answered.set_result(self._parser.get_status_code())
        self._parser = httptools.HttpResponseParser(self)


def requests_per_second(url: str, requests: Requests, *, callers: int, seconds: float, expected: int) -> float:
    """Return how many requests a second are answered with the status `expected`, each caller sending its next as soon
    as its last is answered. Raises AssertionError for any other answer."""

    async def call(caller: Caller, begin_at: float, end_at: float) -> int:
        count = 0
        while (now := time.perf_counter()) < end_at:
            status = await caller.ask(next(requests))
            assert status == expected, (status, caller.body)
            count += begin_at <= now
        return count

    async def run() -> float:
        connected = [await Caller.connect(url) for _ in range(callers)]
        begin_at = time.perf_counter() + WARM_UP_SECONDS
        calls = (call(caller, begin_at, begin_at + seconds) for caller in connected)
        total = sum(await asyncio.gather(*calls))
        took_seconds = time.perf_counter() - begin_at
        for caller in connected:
            caller.close()
        return total / took_seconds

    return asyncio.run(run())


def latencies_ms(
    url: str, requests: Requests, *, callers: int, per_second: float, seconds: float, expected: int
) -> list[float]:
    """Return how long each request took, ascending, counted from when it should have been sent.

    They are sent by the clock, whether earlier ones were answered or not, as long as one of `callers` is free: a
    service that pauses is charged with all who had to wait for it.
    """

    async def call(idle: "asyncio.Queue[Caller]", due_at: float) -> float:
        caller = await idle.get()
        status = await caller.ask(next(requests))
        assert status == expected, (status, caller.body)
        idle.put_nowait(caller)
        return (time.perf_counter() - due_at) * 1000

    async def run() -> list[float]:
        idle: asyncio.Queue[Caller] = asyncio.Queue()
        for _ in range(callers):
            idle.put_nowait(await Caller.connect(url))
        start_at = time.perf_counter() + 0.1
        calls = []
        for number in range(round((WARM_UP_SECONDS + seconds) * per_second)):
            due_at = start_at + number / per_second
            await _until(due_at)
            calls.append(asyncio.create_task(call(idle, due_at)))
        taken = await asyncio.gather(*calls)
        while not idle.empty():
            idle.get_nowait().close()
        return sorted(taken[round(WARM_UP_SECONDS * per_second) :])

    return asyncio.run(run())


async def _until(instant: float) -> None:
    await asyncio.sleep(max(0.0, instant - time.perf_counter() - SPIN_SECONDS))
    while time.perf_counter() < instant:
        await asyncio.sleep(0)
