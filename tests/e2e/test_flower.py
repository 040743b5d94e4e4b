"""Flower, started as docs/health.md says, shows the service's worker and what it carries out."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from settings import Settings
from tests.commands import ask, celery_client, command, create, eventually, new_id
from tests.contract.http_api import free_port
from tests.docs.pages import blocks
from tests.docs.terminal import Terminal, furnish
from tests.docs.walks import LOAD_ADDRESSES
from workers.supervision.supervisor import Supervisor


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def eventful(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A service whose worker sends events."""
    broker_url = request.getfixturevalue("spare_rabbitmq_url") if request.param == "rabbitmq" else None
    settings = Settings(home=tmp_path_factory.mktemp("eventful"), port=0, broker_url=broker_url, task_events=True)
    with Supervisor(settings) as service:
        yield service


@pytest.fixture(scope="module")
def flower(eventful: Supervisor) -> Iterator[httpx.Client]:
    port, password = str(free_port()), secrets.token_urlsafe()
    (block,) = blocks("docs/health.md")
    checkout = eventful.settings.home / "checkout"
    furnish(checkout, eventful)
    with (
        Terminal(checkout) as terminal,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api", auth=("me", password), trust_env=False) as client,
    ):
        terminal.run(f"{LOAD_ADDRESSES}; export FLOWER_PORT={port} FLOWER_PASSWORD={password}")
        terminal.type(replace(block, notes={"background": "quiet"}))
        eventually(lambda: _says(client, "/workers?status=1"))
        yield client


def _says(client: httpx.Client, path: str) -> Any:
    """Return what Flower answers, once it does, and has heard of a worker."""
    try:
        return client.get(path).raise_for_status().json()
    except httpx.TransportError:
        return None


def test_it_sees_the_worker_and_each_task_with_its_end(eventful: Supervisor, flower: httpx.Client) -> None:
    ((worker, is_alive),) = _says(flower, "/workers?status=1").items()
    assert is_alive
    urls = eventful.settings.require("broker_url"), eventful.settings.require("redis_url")
    group_id = new_id()
    with celery_client(*urls) as client:
        assert ask(client, create(group_id))["status"] == "succeeded"
        # Too costly to go together with others, so that the task keeps the name that its sender gave it.
        assert ask(client, cancel := command("job_group.cancel", {"id": group_id}))["status"] == "succeeded"

    def ended() -> dict[str, Any]:
        return {id_: task for id_, task in _says(flower, "/tasks").items() if task["state"] == "SUCCESS"}

    eventually(lambda: len(ended()) == 2)
    assert {task["worker"] for task in ended().values()} == {worker}
    assert {task["name"] for task in ended().values()} == {"command.handle_gathered", "job_group.cancel"}
    assert ended()[cancel.id]["runtime"] > 0


def test_it_sees_nothing_of_what_a_command_says(eventful: Supervisor, flower: httpx.Client) -> None:
    secret = secrets.token_urlsafe()
    channel = {"type": "webhook", "url": "https://example.com", "secret": secret}
    urls = eventful.settings.require("broker_url"), eventful.settings.require("redis_url")
    with celery_client(*urls) as client:
        envelope = create(new_id(), notifications={"channels": [channel]})
        assert ask(client, envelope)["status"] == "succeeded"
        again = command("job_group.retry", {"id": envelope.data["id"], "jobIds": [], "secret": secret})
        ask(client, again)
    eventually(lambda: again.id in _says(flower, "/tasks"))
    assert secret not in flower.get("/tasks").text
