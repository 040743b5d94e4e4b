"""Talking HTTP to the running service, and to stubs of a test's own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx

from settings import Settings

GROUPS = "/ocr-invoice-job-groups"
UNKNOWN_GROUP = f"{GROUPS}/{UUID(int=0)}"
PROBLEM = "application/problem+json"
STUB = (sys.executable, "-m", "api_stub")
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 10.0


class Service(Protocol):
    """What the fixture `service` gives."""

    url: str
    api_key: str
    settings: Settings


def client_of(url: str, api_key: str | None) -> httpx.Client:
    """Return a client with `api_key`; a proxy named in the environment has no business in between."""
    headers = {"X-API-Key": api_key} if api_key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=70, trust_env=False)


@contextmanager
def stub_of(
    service: Service, directory: Path, *, program: Sequence[str] = STUB, port: int | None = None, **settings: Any
) -> Iterator[str]:
    """Run a stub of the test's own, on the service's servers where `settings` do not say otherwise; give its URL."""
    port = port or free_port()
    with (directory / "api_stub.log").open("wb") as log:
        process = subprocess.Popen(program, stdout=log, stderr=log, env=environment_of(service, port=port, **settings))
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_alive(process, url)
        yield url
    finally:
        process.terminate()
        status = process.wait(STOP_TIMEOUT_SECONDS)
    assert status == 0, "it was asked to end, and told of a failure"


def environment_of(service: Service, **settings: Any) -> dict[str, str]:
    """Return the environment of a process with the service's addresses and key, and with `settings`."""
    addresses = {name: getattr(service.settings, name) for name in ("database_url", "broker_url", "redis_url")}
    named = addresses | {"api_keys": service.api_key} | settings
    return environ | {f"JOBGROUPS_{name.upper()}": str(value) for name, value in named.items()}


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem document in `response`, after a look at all that every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    told: dict[str, Any] = response.json()
    assert told["success"] is False
    assert (told["status"], told["code"]) == (status, code)
    assert told["type"].endswith(code)
    assert told["title"]
    assert told["detail"]
    assert told["instance"] == response.request.url.raw_path.decode().partition("?")[0]
    return told


def wrong_fields(response: httpx.Response) -> set[str]:
    """Return the fields that a validation problem names, each of which it gives a message."""
    errors = problem_of(response, 422, "validation_failed")["errors"]
    assert all(error["message"] for error in errors)
    return {error["field"] for error in errors}


def new_group(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Create a group and return it as the service shows it."""
    response = api.post(GROUPS, json={"name": f"group {uuid4()}", "template": "standard-invoice", **fields})
    assert response.status_code == 201, response.text
    group: dict[str, Any] = response.json()["data"]
    return group


def address(group: dict[str, Any]) -> str:
    """Return the group's own path."""
    return f"{GROUPS}/{group['id']}"


def _wait_until_alive(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    with client_of(url, None) as client:
        while not _is_alive(client):
            assert process.poll() is None, "the stub did not start"
            assert time.monotonic() < deadline, "the stub is not alive"
            time.sleep(0.05)


def _is_alive(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
