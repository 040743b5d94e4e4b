"""The example for Node.js in examples/node/: commands as plain JSON and their outcomes, on both brokers."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from settings import Settings
from tests import node
from tests.commands import new_id
from tests.contract.http_api import GROUPS, free_port
from tests.published_schemas import errors_in
from workers.supervision.supervisor import Supervisor

EXAMPLE = Path(__file__).parents[2] / "examples" / "node"
NAME = "Été 2023, 発票"


@pytest.fixture(scope="module")
def producer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.program_or_skip(EXAMPLE, tmp_path_factory.mktemp("node")) / "producer.js"


def send(producer: Path, settings: Settings, *commands: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    lines = "".join(json.dumps(command) + "\n" for command in commands)
    addresses = {f"JOBGROUPS_{name.upper()}": settings.require(name) for name in ("broker_url", "redis_url")}
    return node.run(producer, stdin=lines, **addresses)


def outcomes_of(sent: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert (sent.returncode, sent.stderr) == (0, ""), sent.stdout
    outcomes = [json.loads(line) for line in sent.stdout.splitlines()]
    assert [errors_in("ocr_invoice.outcome.v1", outcome) for outcome in outcomes] == [[] for _ in outcomes]
    return outcomes


def test_what_it_sends_is_carried_out_once(either_service: Supervisor, api: httpx.Client, producer: Path) -> None:
    group_id = new_id()
    jobs = [{"document": {"uri": f"file:///scans/{number}.pdf"}} for number in range(3)]
    create = {"type": "job_group.create", "data": {"id": group_id, "name": NAME, "template": "standard"}}
    add = {"type": "job.add", "id": new_id(), "data": {"groupId": group_id, "jobs": jobs}}
    start = {"type": "job_group.start", "data": {"id": group_id}}

    created, added, refused = outcomes_of(send(producer, either_service.settings, create, add, start))
    assert (created["status"], created["version"], created["groupId"]) == ("succeeded", 1, group_id)
    assert (added["status"], added["commandId"]) == ("succeeded", add["id"])
    assert refused["error"]["code"] == "illegal_transition"
    group = api.get(f"{GROUPS}/{group_id}").json()["data"]
    assert (group["name"], group["counts"]["total"]) == (NAME, 3)

    assert outcomes_of(send(producer, either_service.settings, add)) == [added]
    assert api.get(f"{GROUPS}/{group_id}").json()["data"] == group


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_without_a_broker_it_says_so_and_ends(redis_url: str, producer: Path, scheme: str) -> None:
    nowhere = Settings(broker_url=f"{scheme}://127.0.0.1:{free_port()}", redis_url=redis_url)
    sent = send(producer, nowhere, {"type": "job_group.create", "data": {}})
    assert (sent.returncode, sent.stdout) == (1, "")
    assert sent.stderr.startswith("not sent: ")
