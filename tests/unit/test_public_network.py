"""No spelling of an address, and no name, leads to a host that is not public."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from tests.document_server import ANSWERS, Server, refusal, resolving, serving, trusting, url
from workers.engine.engine_settings import EngineSettings
from workers.engine.public_network import is_public


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
