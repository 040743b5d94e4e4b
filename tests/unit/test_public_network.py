"""No spelling of an address, and no name, leads to a host that is not public."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from client.public_network import is_public
from tests.document_server import ANSWERS, Server, answer, refusal, resolving, serving, trusting, url
from workers.engine.engine_settings import EngineSettings


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Server(ANSWERS)) as running:
        yield running


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:c0a8:101::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "100::1",
        "192.88.99.1",
        "198.51.100.1",
        "203.0.113.1",
        "::ffff:0:7f00:1",
        "::ffff:169.254.169.254",
        "64:ff9b:0:0:0:1:7f00:1",
        "2606:4700::5efe:a00:1",
        "2606:4700::200:5efe:7f00:1",
        "2001:20::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "127.0.0.1.",
        "127.0.0.1..",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "example.com:443@127.0.0.1",
        "127.0.0.1#@example.com",
        "127.0.0.1\\@example.com",
        "%31%32%37.0.0.1",
        "017700000001",
        "00000177.0.0.1",
        "0x7f.0x0.0x0.0x1",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[::1%25lo]",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "\u2460\u2461\u2466.0.0.1",
        "127\u30020\u30020\u30021",
        "169.254.169.254",
        "10.0.0.1",
    ],
)
def test_no_spelling_leads_inside(server: Server, host: str) -> None:
    before = len(server.asked)
    refused = refusal(url(server, host=host), trusting(allowed_hosts=""))
    assert refused.code in {"document_forbidden", "document_unreachable"}
    assert len(server.asked) == before


def test_a_spelling_of_loopback_that_resolves_is_forbidden_for_good(server: Server) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]"):
        refused = refusal(url(server, host=host), trusting(allowed_hosts=""))
        assert (refused.code, refused.retryable) == ("document_forbidden", False)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    assert refusal("https://invoices.test/1.pdf", EngineSettings()).code == "document_forbidden"


def test_a_name_is_resolved_once_and_the_address_that_was_judged_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = resolving(monkeypatch, ["1.1.1.1", "1.0.0.1"], ["127.0.0.1"])
    connected: list[str] = []

    def connect(_: Any, host: str, *__: Any) -> None:
        connected.append(host)
        raise httpcore.ConnectError("refused")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    assert refusal("https://invoices.test/1.pdf", EngineSettings()).code == "document_unreachable"
    assert asked == ["invoices.test"]
    assert connected == ["1.1.1.1", "1.0.0.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"]
)
def test_no_redirect_leads_inside(status: int, target: str) -> None:
    """None is followed, so that there is no second address to judge."""
    with serving(Server({"/": answer(status, Location=target)})) as redirecting:
        refused = refusal(url(redirecting, "/"), trusting())
        assert (refused.code, refused.retryable) == ("document_refused", False)
        assert redirecting.asked == ["/"]


def test_a_name_that_changes_its_mind_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Rebinding: public when it is judged, and loopback, where a server waits, when it would be connected to."""
    before = len(server.asked)
    asked = resolving(monkeypatch, ["192.0.2.1"], ["127.0.0.1"])
    refused = refusal(url(server, host="rebinding.test"), trusting(allowed_hosts=""))
    assert (refused.code, refused.retryable) == ("document_forbidden", False)
    assert asked == ["rebinding.test"]
    assert len(server.asked) == before
