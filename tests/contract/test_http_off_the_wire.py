"""Bytes on a socket that are no request, or more than one: refused, and nothing of them is done."""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest

from api_stub.strict_http import MAX_HEAD_BYTES
from models.store.filters import MAX_FILTER_LENGTH
from tests.contract.http_api import GROUPS, Service, client_of, stub_of

REPLY_SECONDS = 5.0
ARRIVAL_SECONDS = 1.0
IMPATIENT_STUB = (
    sys.executable,
    "-c",
    f"from api_stub import __main__, strict_http; strict_http.ARRIVAL_SECONDS = {ARRIVAL_SECONDS}; __main__.main()",
)


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host = urlsplit(url)
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=REPLY_SECONDS) as connection:
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    """Return what arrives until the other side closes; a side that does not close ends the test."""
    received = bytearray()
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:  # closed while we were still sending
        pass
    return bytes(received)


def head(service: Service, *lines: str, method: str = "POST", target: str = GROUPS, version: str = "HTTP/1.1") -> bytes:
    """Return the head of a request that would be a good one, but for `lines`."""
    usual = ("Host: x", f"X-API-Key: {service.api_key}", "Content-Type: application/json")
    return "\r\n".join([f"{method} {target} {version}", *usual, *lines, "", ""]).encode("latin-1")


def creation(name: str) -> bytes:
    return b'{"name": "%s", "template": "t"}' % name.encode()


AMBIGUOUS = {
    "a length beside chunks": ("Content-Length: 5", "Transfer-Encoding: chunked"),
    "chunks beside a length": ("Transfer-Encoding: chunked", "Content-Length: 5"),
    "two lengths": ("Content-Length: {length}", "Content-Length: 0"),
    "the same length twice": ("Content-Length: {length}", "Content-Length: {length}"),
    "a list of lengths": ("Content-Length: {length}, {length}",),
    "a signed length": ("Content-Length: +{length}",),
    "a negative length": ("Content-Length: -1",),
    "a length in hexadecimal": ("Content-Length: 0x1e",),
    "a length beyond 64 bits": ("Content-Length: 99999999999999999999999",),
    "an unknown coding": ("Transfer-Encoding: xchunked",),
    "a coding after chunks": ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    "a vertical tab before the coding": ("Transfer-Encoding: \x0bchunked",),
    "a space before the colon": ("Transfer-Encoding : chunked",),
    "a folded header": ("X-Folded: a", " Transfer-Encoding: chunked", "Content-Length: {length}"),
    "a folded coding": ("Transfer-Encoding:", " chunked"),
    "a line that ends without CR": ("X-Bare: a\nTransfer-Encoding: chunked", "Content-Length: {length}"),
    "a CR within a line": ("X-Bare: a\rTransfer-Encoding: chunked", "Content-Length: {length}"),
    "U+0000 in a value": ("X-Nul: a\x00b", "Content-Length: {length}"),
    "U+0000 in a name": ("X-\x00Nul: a", "Content-Length: {length}"),
    "a name with a space": ("X Name: a", "Content-Length: {length}"),
    "a line without a colon": ("nonsense", "Content-Length: {length}"),
    "an escape sequence in a request id": ("X-Request-ID: \x1b[31m", "Content-Length: {length}"),
    "U+0000 in a key": ("Idempotency-Key: a\x00b", "Content-Length: {length}"),
    "two hosts": ("Host: y", "Content-Length: {length}"),
}


@pytest.mark.parametrize("lines", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_request_that_two_readers_could_read_differently_is_refused(
    service: Service, api: httpx.Client, lines: tuple[str, ...]
) -> None:
    outer, smuggled = f"outer {uuid4()}", f"smuggled {uuid4()}"
    body = creation(outer)
    within = creation(smuggled)
    raw = head(service, *(line.format(length=len(body)) for line in lines)) + body + b"0\r\n\r\n"
    with connected(service.url) as connection:
        connection.sendall(raw + head(service, f"Content-Length: {len(within)}") + within)
        answer = rest_of(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"400"]
    assert created(api, outer, smuggled) == 0


def created(api: httpx.Client, *names: str) -> int:
    """Count the groups with these names, after one more, which the worker handles after whatever came before."""
    last = f"last {uuid4()}"
    assert api.post(GROUPS, json={"name": last, "template": "t"}).status_code == 201
    found: int = api.get(GROUPS, params={"filter": json.dumps({"name": {"$in": names}})}).json()["total"]
    return found


NO_REQUEST = {
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "a version to come": b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100,
    "every byte": bytes(range(256)) * 10,
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a proxy's request": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "U+0000 in the path": b"GET /healthz\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the path": b"GET /health z HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes beyond ASCII in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "lines that end without CR": b"GET /healthz HTTP/1.1\nHost: x\n\n",
}


@pytest.mark.parametrize("raw", NO_REQUEST.values(), ids=NO_REQUEST)
def test_bytes_that_are_no_request_are_refused(service: Service, api: httpx.Client, raw: bytes) -> None:
    with connected(service.url) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        assert re.match(rb"HTTP/1\.1 400 ", rest_of(connection))
    assert api.get("/healthz").status_code == 200


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"f" * 17 + b"\r\n{", b"-1\r\n", b"2;\nxx\r\n", b"2\r\n{}x\r\n"])
def test_chunks_that_are_none_are_refused(service: Service, chunk: bytes) -> None:
    with connected(service.url) as connection:
        connection.sendall(head(service, "Transfer-Encoding: chunked") + chunk)
        assert b" 400 " in rest_of(connection)


def too_many_headers(count: int = 5000) -> bytes:
    return b"".join(b"X-%d: y\r\n" % number for number in range(count)) + b"\r\n"


@pytest.mark.parametrize(
    "lines",
    [too_many_headers(), b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\n", b"X-Endless: " + b"a" * (MAX_HEAD_BYTES + 1)],
    ids=["many", "long", "endless"],
)
def test_a_head_is_not_larger_than_the_limit(service: Service, api: httpx.Client, lines: bytes) -> None:
    with connected(service.url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        send_until_closed(connection, lines)
        assert rest_of(connection)[:13] in (b"HTTP/1.1 400 ", b"")
    assert api.get("/healthz").status_code == 200


def send_until_closed(connection: socket.socket, raw: bytes) -> None:
    try:
        connection.sendall(raw)
    except (BrokenPipeError, ConnectionResetError):
        return


def test_a_filter_of_the_greatest_length_fits(api: httpx.Client) -> None:
    text = json.dumps({"name": "{" * (MAX_FILTER_LENGTH - 12)})
    assert len(text) == MAX_FILTER_LENGTH
    assert len(quote(text)) > 2 * MAX_FILTER_LENGTH
    assert api.get(GROUPS, params={"filter": text}).status_code == 200


def test_a_body_that_says_it_is_large_is_refused_before_it_is_sent(service: Service) -> None:
    with connected(service.url) as connection:
        connection.sendall(head(service, "Content-Length: 99999999", "Expect: 100-continue", "Connection: close"))
        assert connection.recv(20).startswith(b"HTTP/1.1 413 ")


def test_a_body_shorter_than_it_says_does_nothing(service: Service, api: httpx.Client) -> None:
    name = f"cut short {uuid4()}"
    with connected(service.url) as connection:
        connection.sendall(head(service, "Content-Length: 1000") + creation(name))
        connection.shutdown(socket.SHUT_WR)
        rest_of(connection)
    assert created(api, name) == 0


@pytest.fixture(scope="module")
def impatient(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stub for which a request must have arrived within a second."""
    with stub_of(service, tmp_path_factory.mktemp("stub"), program=IMPATIENT_STUB) as url:
        yield url


@pytest.mark.parametrize("start", ["nothing", "a head", "a body", "chunks"])
def test_who_sends_slowly_is_cut_off(service: Service, impatient: str, start: str) -> None:
    """A byte now and then keeps no connection open (slowloris)."""
    begun, drop = {
        "nothing": (b"", b""),
        "a head": (head(service)[:-2] + b"X-Slow: ", b"x"),
        "a body": (head(service, "Content-Length: 1000") + b"{", b" "),
        "chunks": (head(service, "Transfer-Encoding: chunked") + b"1\r\n{\r\n", b"1\r\n \r\n"),
    }[start]
    started_at = time.monotonic()
    with connected(impatient) as connection:
        connection.sendall(begun)
        assert drip_until_closed(connection, drop)
    assert ARRIVAL_SECONDS / 2 < time.monotonic() - started_at < ARRIVAL_SECONDS + 3
    assert httpx.get(f"{impatient}/healthz", trust_env=False).status_code == 200


def drip_until_closed(connection: socket.socket, drop: bytes) -> bool:
    """Send `drop` now and then; True once the other side has closed."""
    connection.settimeout(0.1)
    deadline = time.monotonic() + REPLY_SECONDS
    while time.monotonic() < deadline:
        try:
            connection.sendall(drop)
            if not connection.recv(65536):
                return True
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return True
    return False


def test_a_request_that_is_worked_on_is_not_cut_off(service: Service, impatient: str) -> None:
    """The bound is on the way in: waiting for an outcome, or between two requests, may take longer."""
    with client_of(impatient, service.api_key) as api:
        for _ in range(2):
            assert api.get("/healthz").status_code == 200
            time.sleep(ARRIVAL_SECONDS * 1.3)  # the connection must be there still
        (pool,) = [api._transport._pool]  # type: ignore[attr-defined]
        assert len(pool.connections) == 1
