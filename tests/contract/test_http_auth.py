"""Who may do what over HTTP, and what a stub needs to start."""

import os
import subprocess
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.contract.http_api import (
    GROUPS,
    STUB,
    UNKNOWN_GROUP,
    Service,
    address,
    client_of,
    environment_of,
    new_group,
    problem_of,
    stub_of,
)

WRITER = "writer-key-of-this-test"
READER = "reader-key-of-this-test"

READS = [
    ("GET", GROUPS),
    ("GET", UNKNOWN_GROUP),
    ("GET", f"{UNKNOWN_GROUP}/jobs"),
    ("GET", "/commands/none"),
]
WRITES = [
    ("POST", GROUPS),
    ("PUT", UNKNOWN_GROUP),
    ("PATCH", UNKNOWN_GROUP),
    ("DELETE", UNKNOWN_GROUP),
]


@pytest.fixture(scope="module")
def url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stub with two keys: one that writes, one that only reads."""
    settings = {"api_keys": f"{WRITER},{READER}:read", "wrong_keys_per_minute": 0}
    with stub_of(service, tmp_path_factory.mktemp("stub"), **settings) as url:
        yield url


@pytest.mark.parametrize(("method", "path"), READS + WRITES)
@pytest.mark.parametrize("key", [None, "wrong", READER + ":read", WRITER.upper(), WRITER + ",", "\xff"])
def test_nothing_is_told_without_a_known_key(url: str, method: str, path: str, key: str | None) -> None:
    with client_of(url, None) as api:
        headers = [] if key is None else [(b"X-API-Key", key.encode("latin-1"))]
        # The key comes first: what else is wrong is not told to strangers.
        problem_of(api.request(method, path, content=b"{", headers=headers), 401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_key_that_reads_does_not_write(url: str, method: str, path: str) -> None:
    with client_of(url, READER) as api:
        problem_of(api.request(method, path, content=b"{"), 403, "forbidden")


def test_a_key_that_reads_reads_what_another_wrote(url: str) -> None:
    with client_of(url, WRITER) as writer, client_of(url, READER) as reader:
        group = new_group(writer)
        assert reader.get(address(group)).json()["data"] == group
        assert reader.get(GROUPS, params={"limit": 1}).status_code == 200


def test_the_same_idempotency_key_of_another_caller_is_another(url: str, service: Service) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    with client_of(url, WRITER) as one, client_of(service.url, service.api_key) as other:
        created = [api.post(GROUPS, json={"name": "n", "template": "t"}, headers=headers) for api in (one, other)]
    assert created[0].json()["data"]["id"] != created[1].json()["data"]["id"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs", "/asyncapi.json", "/schemas"])
def test_health_and_documentation_are_open(url: str, path: str) -> None:
    assert httpx.get(url + path, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", ""), ("DATABASE_URL", "mysql://u:hidden@h/d"), ("PORT", "many"), ("REDIS_URL", "")],
)
def test_a_stub_with_a_wrong_setting_does_not_start(service: Service, name: str, value: str) -> None:
    environment = environment_of(service, broker_url="amqp://nobody@127.0.0.1:1//") | {f"JOBGROUPS_{name}": value}
    refused = start_stub(environment)
    assert refused.returncode == 2, refused.stderr
    assert f"JOBGROUPS_{name}" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "hidden" not in refused.stderr


def start_stub(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(STUB, env=os.environ | environment, capture_output=True, text=True, timeout=30, check=False)
