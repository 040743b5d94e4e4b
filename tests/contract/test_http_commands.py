"""Writes are commands: repeated safely, answered early where asked, told about later."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
from redis import Redis

from models import names
from tests.contract.http_api import GROUPS, Service, address, client_of, new_group, problem_of

BODY = {"name": "n", "template": "t"}


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"test {uuid4()}".replace(" ", "/")}


def outcome_of(api: httpx.Client, location: str) -> dict[str, object]:
    """Return what `/commands/{id}` tells once the command is no longer pending."""
    deadline = time.monotonic() + 20
    while True:
        response = api.get(location)
        assert response.status_code == 200, response.text
        command: dict[str, object] = response.json()["data"]
        if command["status"] != "pending":
            return command
        assert time.monotonic() < deadline, "still pending"
        time.sleep(0.05)


def test_a_repeated_request_takes_effect_once(api: httpx.Client) -> None:
    headers = key()
    first, second = (api.post(GROUPS, json=BODY, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]


def test_the_order_of_keys_makes_no_other_request(api: httpx.Client) -> None:
    headers = key()
    first = api.post(GROUPS, json=BODY, headers=headers)
    second = api.post(GROUPS, json=dict(reversed(BODY.items())), headers=headers)
    assert second.json() == first.json()


@pytest.mark.parametrize("number", range(5))
def test_who_uses_a_key_again_is_not_told_the_first_outcome(api: httpx.Client, number: int) -> None:
    """The first outcome is announced while the second waits for its own."""
    headers = key()
    accepted = api.post(GROUPS, json=BODY, headers={**headers, "Prefer": "respond-async"})
    assert accepted.status_code == 202
    again = api.post(GROUPS, json={**BODY, "description": "another"}, headers=headers)
    problem_of(again, 422, "command_id_reused")
    assert outcome_of(api, accepted.headers["location"])["status"] == "succeeded"


def test_requests_with_one_key_at_the_same_time_take_effect_once(api: httpx.Client) -> None:
    headers = key()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: api.post(GROUPS, json=BODY, headers=headers), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1


def test_a_key_stands_for_one_request_only(api: httpx.Client) -> None:
    headers = key()
    group = api.post(GROUPS, json=BODY, headers=headers).json()["data"]
    for other in (
        api.post(GROUPS, json={**BODY, "name": "other"}, headers=headers),
        api.put(address(group), json=BODY, headers=headers),
        api.delete(address(group), headers=headers),
    ):
        problem_of(other, 422, "command_id_reused")
    assert api.get(address(group)).json()["data"] == group


def test_different_requests_with_one_key_at_the_same_time_are_never_mistaken(api: httpx.Client) -> None:
    headers = key()

    def create(name: str) -> tuple[str, httpx.Response]:
        return name, api.post(GROUPS, json={**BODY, "name": name}, headers=headers)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, "abcdefgh"))
    created = [(name, answer.json()["data"]["name"]) for name, answer in answers if answer.status_code == 201]
    assert len(created) == 1
    assert created[0][0] == created[0][1]
    assert {answer.status_code for _, answer in answers} == {201, 422}


def test_a_repeated_deletion_is_told_the_same(api: httpx.Client) -> None:
    group, headers = new_group(api), key()
    first, second = (api.delete(address(group), headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    problem_of(api.delete(address(group), headers=key()), 404, "not_found")


def test_a_rejection_is_repeated_as_well(api: httpx.Client) -> None:
    group, headers = new_group(api), key() | {"If-Match": '"2"'}
    problem_of(api.patch(address(group), json={"name": "x"}, headers=headers), 412, "version_conflict")
    assert api.patch(address(group), json={"name": "y"}).headers["etag"] == '"2"'
    problem_of(api.patch(address(group), json={"name": "x"}, headers=headers), 412, "version_conflict")


def test_a_repeated_creation_of_what_was_deleted_since_says_so(api: httpx.Client) -> None:
    headers = key()
    group = api.post(GROUPS, json=BODY, headers=headers).json()["data"]
    api.delete(address(group))
    told = problem_of(api.post(GROUPS, json=BODY, headers=headers), 404, "not_found")
    assert "succeeded" in told["detail"]
    assert "deleted since" in told["detail"]


def test_a_caller_who_does_not_wait_is_told_where_to_look(api: httpx.Client) -> None:
    response = api.post(GROUPS, json=BODY, headers={"Prefer": "respond-async"})
    command = response.json()["data"]
    assert response.status_code == 202
    assert response.json() == {"success": True, "data": command}
    assert command == {"commandId": command["commandId"], "status": "pending", "type": names.JOB_GROUP_CREATE}
    assert response.headers["location"] == f"/commands/{command['commandId']}"
    assert response.headers["preference-applied"] == "respond-async"
    outcome = outcome_of(api, response.headers["location"])
    assert outcome == {**command, "status": "succeeded", "groupId": outcome["groupId"], "version": 1}
    assert api.get(f"{GROUPS}/{outcome['groupId']}").status_code == 200


def test_nothing_is_announced_to_a_caller_who_does_not_wait(service: Service, api: httpx.Client) -> None:
    with Redis.from_url(service.settings.require("redis_url")) as redis, redis.pubsub() as announced:
        announced.psubscribe(f"{names.OUTCOME_CHANNEL_PREFIX}*")
        announced.get_message(timeout=5)
        early = api.post(GROUPS, json=BODY, headers={"Prefer": "respond-async"})
        outcome_of(api, early.headers["location"])
        awaited = api.post(GROUPS, json=BODY).json()["data"]["id"]
        message = announced.get_message(timeout=5)
    assert message is not None
    assert json.loads(message["data"])[0]["groupId"] == awaited


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_every_write_can_be_answered_early(api: httpx.Client, method: str) -> None:
    group = new_group(api)
    response = api.request(method, address(group), json=BODY, headers={"Prefer": "respond-async"})
    assert response.status_code == 202
    outcome = outcome_of(api, response.headers["location"])
    assert (outcome["status"], outcome["groupId"], outcome["version"]) == ("succeeded", group["id"], 2)


def test_a_rejection_is_told_later_too(api: httpx.Client) -> None:
    response = api.delete(f"{GROUPS}/{uuid4()}", headers={"Prefer": "respond-async"})
    outcome = outcome_of(api, response.headers["location"])
    assert outcome["status"] == "rejected"
    assert outcome["error"]["code"] == "not_found"  # type: ignore[index]


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=5", "wait=5"),
        ("wait=60", "wait=60"),
        ("wait=9999", "wait=60"),
        ("respond-async, wait=20", "wait=20"),
        ('handling=strict, WAIT="3"', "wait=3"),
    ],
)
def test_an_outcome_within_the_preferred_wait_is_the_answer(api: httpx.Client, prefer: str, applied: str) -> None:
    response = api.post(GROUPS, json=BODY, headers={"Prefer": prefer})
    assert (response.status_code, response.headers["preference-applied"]) == (201, applied)


def test_an_unknown_command_is_not_pending(api: httpx.Client) -> None:
    for id_ in (str(uuid4()), "never-sent", "a" * 200):
        problem_of(api.get(f"/commands/{id_}"), 404, "not_found")
    problem_of(api.get(f"/commands/{'a' * 201}"), 422, "validation_failed")


def test_a_request_id_comes_back_with_every_answer(api: httpx.Client) -> None:
    headers = {"X-Request-ID": "request-1"}
    for response in (
        api.post(GROUPS, json=BODY, headers=headers),
        api.post(GROUPS, json={}, headers=headers),
        api.get("/nope", headers=headers),
        api.get("/healthz", headers=headers),
    ):
        assert response.headers["x-request-id"] == "request-1"
    for insane in ("", "a b", "x" * 201):
        assert "x-request-id" not in api.get("/healthz", headers={"X-Request-ID": insane}).headers
