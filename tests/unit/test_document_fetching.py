"""Documents from the web: from where, how large and how late they may be."""

import hashlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from client import guarded_http
from client.public_network import ForbiddenAddress, GuardedNetwork
from tests.document_server import ANSWERS, INVOICE, Server, refusal, resolving, serving, trusting, url
from workers.engine.dispatched_job import Document
from workers.engine.documents import fetch
from workers.engine.engine_settings import EngineSettings


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Server(ANSWERS)) as running:
        yield running


def test_only_allowed_hosts_are_asked_for_once_there_is_a_list(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    with pytest.raises(ForbiddenAddress):
        GuardedNetwork(("docs.internal",), time.monotonic() + 5).connect_tcp("example.com", 443)
    other_port = trusting(allowed_hosts=f"127.0.0.1:{server.server_port + 1}")
    assert refusal(url(server), other_port).code == "document_forbidden"
    asked = resolving(monkeypatch, ["127.0.0.1"])
    allowed = trusting(allowed_hosts=f"Docs.Internal:{server.server_port}, other.internal")
    assert fetch(Document(uri=url(server, host="docs.INTERNAL")), allowed) == INVOICE
    assert asked == ["docs.internal"]


def test_a_document_from_an_allowed_host(server: Server) -> None:
    assert fetch(Document(uri=url(server)), trusting()) == INVOICE


def test_no_proxy_from_the_environment_is_between(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch(Document(uri=url(server)), trusting()) == INVOICE


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.com/1.pdf",
        "ftp://example.com/1.pdf",
        "gopher://example.com",
        "data:text/plain,x",
        "invoice.pdf",
        "//example.com/1.pdf",
        "https:///1.pdf",
        "https://user:secret@example.com/1.pdf",
        "https://example.com:70000/1.pdf",
        "https://example.com:-1/1.pdf",
        "https://example.com:0/1.pdf",
        "https://xn--a.com/1.pdf",
        "https://\ud800.com/1.pdf",
        "https://example.com/\r\nHost: evil",
        "https://[::1",
        "",
    ],
)
def test_addresses_of_no_document(uri: str) -> None:
    assert refusal(uri, EngineSettings()).code == "document_forbidden"


@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/missing", "document_not_found", False),
        ("/locked", "document_refused", False),
        ("/busy", "document_refused", True),
        ("/throttled", "document_refused", True),
        ("/half", "document_unreachable", True),
        ("/no-http", "document_unreachable", True),
    ],
)
def test_answers_that_are_no_document(server: Server, path: str, code: str, retryable: bool) -> None:
    refused = refusal(url(server, path), trusting())
    assert (refused.code, refused.retryable) == (code, retryable)


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.asked.clear()
    assert refusal(url(server, "/moved"), trusting()).code == "document_refused"
    assert server.asked == ["/moved"]


def test_a_document_without_end_is_cut_off(server: Server) -> None:
    refused = refusal(url(server, "/endless"), trusting())
    assert (refused.code, refused.retryable) == ("document_too_large", False)


def test_the_limit_is_the_last_size_that_passes(server: Server) -> None:
    assert fetch(Document(uri=url(server)), trusting(max_document_bytes=len(INVOICE))) == INVOICE
    assert refusal(url(server), trusting(max_document_bytes=len(INVOICE) - 1)).code == "document_too_large"


def test_the_deadline_is_for_the_whole_document(server: Server) -> None:
    started_at = time.monotonic()
    refused = refusal(url(server, "/drip"), trusting(fetch_timeout_seconds=0.3))
    assert (refused.code, refused.retryable) == ("document_unreachable", True)
    assert 0.2 < time.monotonic() - started_at < 2


def test_nobody_listening_is_worth_another_try() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused = refusal(f"http://127.0.0.1:{free.getsockname()[1]}/", trusting())
    assert (refused.code, refused.retryable) == ("document_unreachable", True)


def test_the_checksum_must_be_that_of_the_document(server: Server) -> None:
    sha256 = hashlib.sha256(INVOICE).hexdigest()
    assert fetch(Document(uri=url(server), sha256=sha256.upper()), trusting()) == INVOICE
    refused = refusal(url(server), trusting(), sha256="0" * 64)
    assert (refused.code, refused.retryable) == ("checksum_mismatch", False)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of invoices.test with its key, signed by itself."""
    file = tmp_path / "certificate.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=invoices.test", "-days", "1"]
    names = ["-addext", "subjectAltName=DNS:invoices.test", "-keyout", str(file), "-out", str(tmp_path / "public.pem")]
    try:
        subprocess.run(["openssl", *made, *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    with file.open("ab") as both:
        both.write((tmp_path / "public.pem").read_bytes())
    return file


def test_tls_is_with_the_name_though_the_connection_is_to_the_address(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(guarded_http, "_trust", httpx.create_ssl_context)
    resolving(monkeypatch, ["127.0.0.1"])
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: names.append(name)
    server = Server(ANSWERS)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        allowed = EngineSettings(allowed_hosts="invoices.test,other.test")
        right = f"https://invoices.test:{server.server_port}/invoice.pdf"
        assert fetch(Document(uri=right), allowed) == INVOICE
        wrong = refusal(right.replace("invoices.test", "other.test"), allowed)
    assert names == ["invoices.test", "other.test"]
    assert wrong.code == "document_unreachable"
