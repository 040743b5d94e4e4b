"""How many requests are too many, and what a caller is told about it."""

import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api_stub.backends import REDIS_TIMEOUT_SECONDS
from api_stub.known_keys import REVOCATION_SECONDS
from api_stub.tallies import WINDOW_SECONDS
from tests.commands import eventually
from tests.contract.http_api import GROUPS, Service, client_of, problem_of, stub_of
from tests.contract.test_http_keys import create
from workers.supervision import embedded_redis
from workers.supervision.embedded_redis import EmbeddedRedis

ROOM_SECONDS = 8


@pytest.fixture(autouse=True)
def _in_one_window(url: str, other_url: str, doomed_url: str) -> None:
    """Begin early enough in a minute of the clock to end in the same, with every stub up."""
    left_seconds = WINDOW_SECONDS - time.time() % WINDOW_SECONDS
    if left_seconds < ROOM_SECONDS:
        time.sleep(left_seconds + 0.1)


@pytest.fixture(scope="module")
def other_url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stub that believes nobody, and counts wrong keys apart from the stub above."""
    with stub_of(service, tmp_path_factory.mktemp("other-stub"), wrong_keys_per_minute=4) as url:
        yield url


@pytest.fixture(scope="module")
def doomed_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    redis = embedded_redis.start(tmp_path_factory.mktemp("redis"))
    yield redis
    redis.stop()


@pytest.fixture(scope="module")
def doomed_url(
    service: Service, doomed_redis: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A stub that counts in a Redis of its own."""
    addresses = {"broker_url": service.settings.require("broker_url"), "redis_url": doomed_redis.url}
    with stub_of(service, tmp_path_factory.mktemp("doomed-stub"), **addresses) as url:
        yield url


@pytest.fixture(scope="module")
def url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stub that believes this machine about where requests come from."""
    settings = {"rate_limit_per_minute": 50, "wrong_keys_per_minute": 3, "trusted_proxies": "127.0.0.1"}
    with stub_of(service, tmp_path_factory.mktemp("stub"), **settings) as url:
        yield url


def from_somewhere(url: str, key: str | None) -> httpx.Client:
    """Return a client at an address that no other test calls from."""
    client = client_of(url, key)
    client.headers["X-Forwarded-For"] = f"10.{'.'.join(str(byte) for byte in uuid4().bytes[:3])}"
    return client


def limit_of(response: httpx.Response) -> tuple[str, int, int, int]:
    """Return the policy, its quota, what is left and for how long, as an answer tells them."""
    policy = re.fullmatch(r'"([a-z-]+)";q=(\d+);w=60', response.headers["ratelimit-policy"])
    left = re.fullmatch(r'"([a-z-]+)";r=(\d+);t=(\d+)', response.headers["ratelimit"])
    assert policy
    assert left
    assert policy[1] == left[1]
    return policy[1], int(policy[2]), int(left[2]), int(left[3])


def refusal(response: httpx.Response, code: str) -> dict[str, Any]:
    told = problem_of(response, 429, code)
    _, _, left_count, rest_seconds = limit_of(response)
    assert left_count == 0
    assert int(response.headers["retry-after"]) == rest_seconds
    assert 0 < rest_seconds <= WINDOW_SECONDS
    return told


def test_a_key_has_its_own_limit_and_is_told_what_is_left(service: Service, url: str) -> None:
    made = create(service, str(uuid4()), "--per-minute", "3")
    with client_of(url, made["key"]) as api:
        for left_count in (2, 1, 0):
            response = api.get(GROUPS)
            assert response.status_code == 200
            assert limit_of(response)[:3] == ("key", 3, left_count)
        told = refusal(api.get(GROUPS), "rate_limited")
        assert "3 requests a minute" in told["detail"]
        refusal(api.post(GROUPS, json={}), "rate_limited")
        assert api.get("/healthz").status_code == 200


def test_every_answer_tells_the_limit_that_holds_for_all(service: Service, url: str) -> None:
    made = create(service, str(uuid4()))
    with client_of(url, made["key"]) as api:
        for path, status in ((GROUPS, 200), ("/commands/none", 404), (GROUPS + "?limit=x", 422)):
            response = api.get(path)
            assert response.status_code == status
            assert limit_of(response)[:2] == ("key", 50)


def test_a_key_without_a_limit_has_none(service: Service, url: str) -> None:
    made = create(service, str(uuid4()), "--per-minute", "0")
    with client_of(url, made["key"]) as api:
        assert {api.get("/commands/none").status_code for _ in range(60)} == {404}
        assert "ratelimit" not in api.get(GROUPS).headers


def test_all_processes_count_together(service: Service, url: str, other_url: str) -> None:
    made = create(service, str(uuid4()), "--per-minute", "10")
    with client_of(url, made["key"]) as api:
        assert {api.get("/commands/none").status_code for _ in range(10)} == {404}
        refusal(api.get(GROUPS), "rate_limited")
    with client_of(other_url, made["key"]) as api:
        assert api.get(GROUPS).status_code == 200
        eventually(lambda: limit_of(api.get(GROUPS))[2] == 0, 2)
        refusal(api.get(GROUPS), "rate_limited")


def test_wrong_keys_are_throttled_by_address(url: str) -> None:
    with from_somewhere(url, None) as stranger, from_somewhere(url, "wrong") as another:
        for attempt in range(3):
            problem_of(stranger.get(GROUPS, headers={"X-API-Key": f"wrong {attempt}"}), 401, "unauthorized")
        told = refusal(stranger.get(GROUPS, headers={"X-API-Key": "wrong"}), "too_many_wrong_keys")
        assert "3 wrong keys a minute" in told["detail"]
        # Without a key there is nothing to guess with.
        problem_of(stranger.get(GROUPS), 401, "unauthorized")
        problem_of(another.get(GROUPS), 401, "unauthorized")


def test_a_new_key_is_no_wrong_key(service: Service, url: str) -> None:
    with from_somewhere(url, None) as api:
        for _ in range(4):
            api.headers["X-API-Key"] = create(service, str(uuid4()))["key"]
            assert api.get(GROUPS).status_code == 200


def test_a_throttled_address_keeps_nobody_out_who_has_a_key(service: Service, url: str) -> None:
    with from_somewhere(url, "wrong") as stranger:
        eventually(lambda: stranger.get(GROUPS).status_code == 429)
        configured = stranger.get(GROUPS, headers={"X-API-Key": service.api_key})
        assert configured.status_code == 200
        assert limit_of(configured)[0] == "key"
        made = create(service, str(uuid4()))
        eventually(
            lambda: stranger.get(GROUPS, headers={"X-API-Key": made["key"]}).status_code == 200, REVOCATION_SECONDS
        )


def test_an_address_is_what_the_socket_says_unless_a_proxy_is_trusted(other_url: str) -> None:
    statuses = []
    for _ in range(5):
        with from_somewhere(other_url, "wrong") as liar:
            statuses.append(liar.get(GROUPS).status_code)
    assert statuses == [401, 401, 401, 401, 429]


def test_a_frozen_redis_holds_no_request_up_and_lifts_no_limit(
    service: Service, doomed_redis: EmbeddedRedis, doomed_url: str
) -> None:
    made = create(service, str(uuid4()), "--per-minute", "5")
    with client_of(doomed_url, made["key"]) as api:
        assert api.get(GROUPS).status_code == 200
        os.kill(doomed_redis.process.pid, signal.SIGSTOP)
        try:
            started_at = time.monotonic()
            statuses = [api.get(GROUPS).status_code for _ in range(6)]
            assert time.monotonic() - started_at < REDIS_TIMEOUT_SECONDS
        finally:
            os.kill(doomed_redis.process.pid, signal.SIGCONT)
        assert statuses == [200, 200, 200, 200, 429, 429]
