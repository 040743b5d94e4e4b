"""HTTP/1.1 off the wire: what two readers could read differently is refused, and nothing is waited for without end.

llhttp, which is behind `httptools`, refuses what smuggles requests past a proxy: Content-Length beside
Transfer-Encoding, repeated or signed lengths, folded headers, lines that end without CR (RFC 9112, sections 2.2, 5.2
and 6.3). It sets no bounds, and neither does uvicorn: those are here.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
"""Of a request's first line and headers. A filter of the greatest length fits, percent-encoded."""
ARRIVAL_SECONDS = 30
"""From a connection's start, or a request's first byte, to the last byte of the request."""
STALL_SECONDS = 60
"""How long a client may leave its answer lying: until it takes it, it holds what was written for it in memory."""
VERSIONS = ("1.0", "1.1")


class RefusedHead(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Not a head that is taken; the parser passes it on as an error of syntax, which is answered with 400."""


class StrictHttp(HttpToolsProtocol):
    """One connection. What it refuses is answered with 400; who is late finds the connection closed."""

    _timer: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        self._cancel_stall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        # Not `close`, which would wait until all is taken.
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._cancel_stall()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # The parser tells of a header once it is whole: one without end would only fill the memory.
        if self._in_head and not self.transport.is_closing() and self._grows_beyond_limit(len(data)):
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        if self._timer is None:
            self._await_request()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._grows_beyond_limit(len(name) + len(value)):
            raise RefusedHead("the head of the request is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        version, hosts = self.parser.get_http_version(), [name for name, _ in self.headers].count(b"host")
        if version not in VERSIONS or hosts > 1 or (version == "1.1" and hosts == 0) or len(self.url) > MAX_HEAD_BYTES:
            raise RefusedHead("HTTP/1.0 or 1.1 with one Host is what is read here")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._cancel_timer()
        super().on_message_complete()

    def _grows_beyond_limit(self, more_bytes: int) -> bool:
        self._head_bytes += more_bytes
        return self._head_bytes > MAX_HEAD_BYTES

    def _await_request(self) -> None:
        self._timer = self.loop.call_later(ARRIVAL_SECONDS, self.transport.close)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
