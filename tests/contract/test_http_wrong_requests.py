"""Addresses, methods and headers of every wrong kind, and a sender who hangs up."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.contract.http_api import GROUPS, Service, client_of, problem_of

BODY = {"name": "n", "template": "t"}


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@pytest.mark.parametrize(
    "id_", ["1", "null", "%00", "%ff", "%F0%9F%92%A9", "a" * 5000, "..%2f..", "'%20OR%201=1", "%7B%7D"]
)
def test_an_id_that_is_none_is_refused(api: httpx.Client, id_: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response = api.request(method, f"{GROUPS}/{id_}", json=BODY)
        assert response.status_code in (404, 422), response.text
        assert response.json()["success"] is False
    assert api.get(f"/commands/{id_}").status_code in (404, 422)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é", "tab\tkey"])
def test_an_idempotency_key_of_wrong_characters_is_refused(api: httpx.Client, key: str) -> None:
    response = api.post(GROUPS, json=BODY, headers=[(b"Idempotency-Key", key.encode())])
    problem_of(response, 400, "malformed_header")


@pytest.mark.parametrize("prefer", ["", ",", "wait=x", "wait=-1", "wait", "respond-sync", 'foo="bar', "wait=1e9"])
def test_a_preference_that_is_unknown_is_ignored(api: httpx.Client, prefer: str) -> None:
    response = api.post(GROUPS, json=BODY, headers={"Prefer": prefer})
    assert response.status_code == 201
    assert "preference-applied" not in response.headers


def test_unknown_addresses_and_methods_are_problems(api: httpx.Client) -> None:
    for path in ("/", "/nope", f"{GROUPS}/{uuid4()}/nope", "/commands", "/ocr-invoice-job-groups/", "//", "/redoc"):
        problem_of(api.get(path), 404, "not_found")
    response = api.delete(GROUPS)
    problem_of(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"
    assert api.post(f"{GROUPS}/{uuid4()}").headers["allow"] == "DELETE, GET, PATCH, PUT"
    problem_of(api.request("TRACE", GROUPS), 405, "method_not_allowed")
    assert api.request("BREW", GROUPS).status_code == 400  # no method to the parser


def test_a_sender_who_hangs_up_disturbs_nobody(api: httpx.Client, service: Service) -> None:
    host = urlsplit(service.url)
    with socket.create_connection((host.hostname or "", host.port or 0)) as connection:
        request = (
            f"POST {GROUPS} HTTP/1.1\r\nHost: x\r\nX-API-Key: {service.api_key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        )
        connection.sendall(request.encode())
    assert api.get("/healthz").status_code == 200
