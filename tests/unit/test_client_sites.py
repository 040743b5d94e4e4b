"""Where a request comes from, as far as its sender cannot choose it."""

import pytest
from starlette.requests import Request

from api_stub.rate_limits import site_of


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unknown", "unknown"),
        ("2001:db8::1%eth0", "2001:db8::/64"),
    ],
)
def test_an_ipv6_network_counts_as_one_client(host: str, site: str) -> None:
    assert site_of(Request({"type": "http", "client": (host, 4711)})) == site


def test_a_unix_socket_has_no_address() -> None:
    assert site_of(Request({"type": "http", "client": None})) == "local"
