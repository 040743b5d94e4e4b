"""The stub while a server behind it is away, slow, or deaf."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
import redis

from api_stub.outcomes import LOOK_UP_SECONDS
from tests.commands import eventually
from tests.contract.http_api import GROUPS, Service, client_of, free_port, problem_of, stub_of
from tests.tcp_proxy import TcpProxy
from workers.supervision import embedded_redis

BODY = {"name": "n", "template": "t"}


def nowhere(scheme_and_user: str, path: str) -> str:
    """Return the address of a server that is not there."""
    return f"{scheme_and_user}127.0.0.1:{free_port()}{path}"


def other_database(redis_url: str) -> str:
    """Where commands wait that no worker takes."""
    return urlsplit(redis_url)._replace(path="/9").geturl()


@pytest.fixture
def unattended(service: Service, tmp_path: Path) -> Iterator[httpx.Client]:
    """A stub whose commands nobody handles."""
    queue = other_database(service.settings.require("redis_url"))
    with (
        stub_of(service, tmp_path, broker_url=queue, redis_url=queue, outcome_wait_seconds=1) as url,
        client_of(url, service.api_key) as client,
    ):
        yield client


def test_a_wait_that_is_over_is_answered_with_202(unattended: httpx.Client) -> None:
    started_at = time.monotonic()
    response = unattended.post(GROUPS, json=BODY)
    assert 0.9 < time.monotonic() - started_at < 5
    assert response.status_code == 202
    assert "preference-applied" not in response.headers
    pending = unattended.get(response.headers["location"]).json()
    assert pending == {"success": True, "data": response.json()["data"]}
    assert pending["data"]["status"] == "pending"


@pytest.mark.parametrize(
    ("prefer", "seconds", "applied"),
    [
        ("wait=2", 2, "wait=2"),
        ("wait=0", 0, "wait=0"),
        ("respond-async", 0, "respond-async"),
        ("respond-async, wait=2", 2, "respond-async, wait=2"),
    ],
)
def test_the_caller_says_how_long_to_wait(unattended: httpx.Client, prefer: str, seconds: float, applied: str) -> None:
    started_at = time.monotonic()
    response = unattended.post(GROUPS, json=BODY, headers={"Prefer": prefer})
    assert seconds <= time.monotonic() - started_at < seconds + 1
    assert (response.status_code, response.headers["preference-applied"]) == (202, applied)


def test_of_many_that_do_not_wait_each_is_known_to_be_under_way(unattended: httpx.Client) -> None:
    def write(_: int) -> tuple[str, dict[str, Any]]:
        response = unattended.post(GROUPS, json=BODY, headers={"Prefer": "respond-async"})
        return response.headers["location"], response.json()["data"]

    with ThreadPoolExecutor(16) as callers:
        accepted = dict(callers.map(write, range(64)))
    assert len(accepted) == 64
    for location, command in accepted.items():
        assert unattended.get(location).json()["data"] == command


def test_without_the_broker_writes_are_refused_and_reads_work(service: Service, tmp_path: Path) -> None:
    with (
        stub_of(service, tmp_path, broker_url=nowhere("redis://", "/0"), publish_timeout_seconds=2) as url,
        client_of(url, service.api_key) as api,
    ):
        started_at = time.monotonic()
        response = api.post(GROUPS, json=BODY)
        told = problem_of(response, 503, "unavailable")
        assert time.monotonic() - started_at < 4
        assert "Idempotency-Key" in told["detail"]
        assert response.headers["location"] in told["detail"]
        assert int(response.headers["retry-after"]) > 0
        assert api.get(GROUPS).status_code == 200
        assert not_ready(api) == {"broker"}


def test_a_dead_rabbitmq_is_noticed(service: Service, tmp_path: Path) -> None:
    redis_url = service.settings.require("redis_url")
    broker_url = nowhere("amqp://guest:guest@", "//")
    with (
        stub_of(service, tmp_path, broker_url=broker_url, redis_url=redis_url, publish_timeout_seconds=2) as url,
        client_of(url, service.api_key) as api,
    ):
        problem_of(api.post(GROUPS, json=BODY), 503, "unavailable")
        assert not_ready(api) == {"broker"}


def test_without_the_database_everything_waits_its_turn(service: Service, tmp_path: Path) -> None:
    database_url = nowhere("postgresql://", "/jobgroups")
    with stub_of(service, tmp_path, database_url=database_url) as url, client_of(url, service.api_key) as api:
        for response in (api.get(GROUPS), api.get(f"{GROUPS}/{uuid4()}"), api.get("/commands/x")):
            problem_of(response, 503, "unavailable")
            assert int(response.headers["retry-after"]) > 0
        # By a worker that has its database, and tells the group. Only the inbox says whose an Idempotency-Key is.
        assert api.post(GROUPS, json=BODY).status_code == 201
        written = api.post(GROUPS, json=BODY, headers={"Idempotency-Key": str(uuid4()), "Prefer": "wait=1"})
        assert (written.status_code, written.headers["location"]) == (
            202,
            f"/commands/{written.json()['data']['commandId']}",
        )
        assert not_ready(api) == {"postgresql"}
        assert api.get("/healthz").json() == {"success": True, "status": "alive"}


def test_a_silent_database_is_noticed_in_time(service: Service, tmp_path: Path) -> None:
    """A cancelled question would wait for the server's word; readiness must not."""
    sockets = parse_qs(urlsplit(service.settings.require("database_url")).query)["host"][0]
    with TcpProxy(f"{sockets}/.s.PGSQL.5432") as proxy:
        database_url = f"postgresql://postgres@127.0.0.1:{proxy.port}/jobgroups"
        with stub_of(service, tmp_path, database_url=database_url) as url, client_of(url, None) as anybody:
            assert anybody.get("/readyz").status_code == 200
            proxy.fall_silent()
            for _ in range(2):
                time.sleep(1.1)
                assert not_ready(anybody) == {"postgresql"}
            proxy.speak()
            assert eventually(lambda: anybody.get("/readyz").status_code == 200)


def test_a_missed_message_is_made_good_by_the_inbox(service: Service, tmp_path: Path) -> None:
    """Outcomes go to the worker's Redis; this stub listens to another, as after a lost message."""
    deaf = embedded_redis.start(tmp_path)
    try:
        with (
            stub_of(service, tmp_path, redis_url=deaf.url, outcome_wait_seconds=20) as url,
            client_of(url, service.api_key) as api,
        ):
            started_at = time.monotonic()
            assert api.post(GROUPS, json=BODY).status_code == 201
            assert 0.4 < time.monotonic() - started_at < 10
    finally:
        deaf.stop()


def test_a_lost_redis_costs_speed_and_nothing_else(service: Service, tmp_path: Path) -> None:
    broker_url = service.settings.require("broker_url")
    lost = embedded_redis.start(tmp_path)
    try:
        with (
            stub_of(service, tmp_path, broker_url=broker_url, redis_url=lost.url, outcome_wait_seconds=20) as url,
            client_of(url, service.api_key) as api,
        ):
            assert api.get("/readyz").json() == {"success": True, "status": "ready"}
            lost.stop()
            assert api.post(GROUPS, json=BODY).status_code == 201
            accepted = api.post(GROUPS, json=BODY, headers={"Prefer": "respond-async"})
            assert accepted.status_code == 202
            time.sleep(1.1)
            assert not_ready(api) == {"redis"}
            problem_of(api.get(f"/commands/{uuid4()}"), 503, "unavailable")
            assert api.get(GROUPS).status_code == 200
    finally:
        lost.stop()


def test_a_cut_subscription_is_made_again(service: Service) -> None:
    with redis.Redis.from_url(service.settings.require("redis_url")) as server:
        server.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    time.sleep(1)
    with client_of(service.url, service.api_key) as api:
        seconds = min(duration_of(api) for _ in range(5))
    assert seconds < LOOK_UP_SECONDS[0], "the answers came from the inbox, not by message"


def test_who_waits_is_answered_when_the_stub_ends(service: Service, tmp_path: Path) -> None:
    queue = other_database(service.settings.require("redis_url"))
    with ThreadPoolExecutor(1) as threads:
        with stub_of(service, tmp_path, broker_url=queue, redis_url=queue) as url:
            answer = threads.submit(post_and_wait, url, service.api_key)
            time.sleep(1)
            stopped_at = time.monotonic()
        assert time.monotonic() - stopped_at < 3
    assert answer.result().status_code == 202


def post_and_wait(url: str, api_key: str) -> httpx.Response:
    with client_of(url, api_key) as api:
        return api.post(GROUPS, json=BODY, headers={"Prefer": "wait=60"})


def duration_of(api: httpx.Client) -> float:
    """Return the seconds that a write takes."""
    started_at = time.monotonic()
    assert api.post(GROUPS, json=BODY).status_code == 201
    return time.monotonic() - started_at


def not_ready(api: httpx.Client) -> set[str]:
    """Return the servers that `/readyz` misses, which it tells within its bound."""
    started_at = time.monotonic()
    told = problem_of(api.get("/readyz"), 503, "unavailable")
    assert time.monotonic() - started_at < 3
    assert "127.0.0.1" not in str(told), "anybody may ask: no addresses"
    return {reason["field"] for reason in told["errors"]}
