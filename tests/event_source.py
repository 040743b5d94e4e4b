"""Readers of Server-Sent Events that do what the HTML standard says (section 9.2.6)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx


@dataclass(frozen=True)
class Told:
    """One dispatched event."""

    id: str
    name: str
    data: str

    @property
    def position(self) -> int:
        return int(self.id)

    @property
    def document(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.data)
        return read


@dataclass
class Interpreter:
    """The state of a stream; `last_event_id` is what a reconnection would send."""

    last_event_id: str = ""
    retry: int | None = None
    comments: list[str] = field(default_factory=list)
    _id: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def read(self, line: str) -> Told | None:
        """Take one line, and return the event that it completes."""
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "retry" if value.isdecimal():
                self.retry = int(value)
        return None

    def _dispatch(self) -> Told | None:
        self.last_event_id = self._id
        name, data = self._name, self._data
        self._name, self._data = "", []
        return Told(self.last_event_id, name or "message", "\n".join(data)) if data else None


class EventSource:
    """A stream that is read as long as a test wants to, over an open response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.state = Interpreter()
        self.lines = _lines(response)

    def __iter__(self) -> Iterator[Told]:
        for line in self.lines:
            if told := self.state.read(line):
                yield told

    def take(self, count: int) -> list[Told]:
        """Return the next `count` events."""
        return list(islice(self, count))

    def begin(self) -> list[str]:
        """Read the first block, which tells where the stream begins, and return its lines."""
        block = list(takewhile(bool, self.lines))
        for line in (*block, ""):
            assert self.state.read(line) is None
        return block


def _lines(response: httpx.Response) -> Iterator[str]:
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)


@contextmanager
def following(api: httpx.Client, last_event_id: str | None = None, **asked: Any) -> Iterator[EventSource]:
    """Open the feed."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with api.stream("GET", "/events", params=asked, headers=headers, timeout=20) as response:
        assert response.status_code == 200, response.read()
        yield EventSource(response)


class Reader:
    """One of many: a stream over a bare socket, which costs a test less than a client does."""

    def __init__(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._stream = stream
        self.writer = writer
        self.state = Interpreter()
        self.positions: list[int] = []
        self.arrived_at: list[float] = []

    async def read_on(self, last: int) -> None:
        """Read until the event at the position `last` is there; raises IncompleteReadError at the end of the stream."""
        clock = asyncio.get_running_loop().time
        rest = b""
        while not self.positions or self.positions[-1] < last:
            *lines, rest = (rest + await self._chunk()).split(b"\n")
            for line in lines:
                if told := self.state.read(line.decode()):
                    self.positions.append(told.position)
                    self.arrived_at.append(clock())

    async def read_to_the_end(self) -> None:
        """Read until the stream ends."""
        while await self._chunk():
            pass

    async def _chunk(self) -> bytes:
        size = int(await self._stream.readline(), 16)
        return (await self._stream.readexactly(size + 2))[:-2]


@asynccontextmanager
async def reading(url: str, api_key: str, *, limit: int = 2**16, **asked: Any) -> AsyncIterator[Reader]:
    """Open the feed over a socket; `limit` bounds what is read ahead."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    stream, writer = await asyncio.open_connection(host, port, limit=limit)
    try:
        query = f"?{urlencode(asked)}" if asked else ""
        writer.write(f"GET /events{query} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {api_key}\r\n\r\n".encode())
        head = await stream.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        yield Reader(stream, writer)
    finally:
        writer.transport.abort()
