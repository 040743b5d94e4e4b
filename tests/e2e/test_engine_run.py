"""A simulated batch of a thousand jobs through the running service, and what the command line says of it."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from client.broker import connect
from tests.commands import eventually, select
from tests.contract.http_api import GROUPS, client_of
from workers.engine.engine import ENGINE_QUEUE
from workers.supervision import environment
from workers.supervision.supervisor import Supervisor

JOB_COUNT = 1000
COMMAND = [sys.executable, "-m", "workers.command_line"]


def shell(service: Supervisor) -> dict[str, str]:
    return {**os.environ, **environment.of_process(service.settings)}


def jobgroups(service: Supervisor, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], env=shell(service), capture_output=True, text=True, timeout=60)


@contextmanager
def engine(service: Supervisor, *arguments: str) -> Iterator[None]:
    with connect(service.settings.require("broker_url")) as connection:
        ENGINE_QUEUE(connection).declare()
    process = subprocess.Popen([*COMMAND, "engine", "--simulate", *arguments], env=shell(service))
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def send_batch(api: httpx.Client) -> str:
    settings = {"maxAttempts": 3, "retryBackoff": {"initialSeconds": 0}, "maxConcurrency": 200}
    body = {"name": "simulated", "template": "standard-invoice", "processingSettings": settings}
    group = f"{GROUPS}/{api.post(GROUPS, json=body).json()['data']['id']}"
    jobs = [{"document": {"uri": f"file:///{number}.pdf"}} for number in range(JOB_COUNT)]
    assert api.post(f"{group}/jobs", json={"jobs": jobs}).status_code == 201
    return group


def history(service: Supervisor, group_id: str) -> list[dict[str, Any]]:
    of_group = "group_id = CAST(:id AS uuid) AND sequence IS NOT NULL"
    sql = f"SELECT sequence, name FROM events WHERE {of_group} ORDER BY sequence"
    return select(service.settings.require("database_url"), sql, id=group_id)


@pytest.mark.timeout(180)
def test_a_simulated_batch_ends_with_the_right_counts(either_service: Supervisor) -> None:
    """Two engines share the work; one in five attempts fails, one in ten results is doubtful."""
    arguments = ("--failure-rate", "0.2", "--low-confidence-rate", "0.1", "--latency", "0", "--seed", "7")
    with (
        client_of(either_service.url, either_service.api_key) as api,
        engine(either_service, *arguments),
        engine(either_service, *arguments),
    ):
        group = send_batch(api)
        ended = eventually(
            lambda: (read := api.get(group).json()["data"])["status"] == "awaiting_review" and read, seconds=120
        )
    counts = Counter({bucket: count for bucket, count in ended["counts"].items() if bucket != "total"})
    assert counts.total() == ended["counts"]["total"] == JOB_COUNT
    assert counts["queued"] == counts["processing"] == 0
    # A job fails where three attempts do, 0.8 %; a tenth of the others is doubtful.
    assert 0 < counts["failed"] < 30
    assert 60 < counts["needsReview"] < 145
    events = history(either_service, ended["id"])
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert sum(event["name"] == "job_group.awaiting_review" for event in events) == 1
    assert jobgroups(either_service, "reconcile").returncode == 0


def test_the_command_line_says_why_a_group_waits(service: Supervisor) -> None:
    with client_of(service.url, service.api_key) as api:
        group = api.post(GROUPS, json={"name": "waits", "template": "t"}).json()["data"]
    told = jobgroups(service, "explain", group["id"])
    assert told.returncode == 0
    assert "not sealed" in told.stdout
    as_json = json.loads(jobgroups(service, "explain", group["id"], "--json").stdout)
    assert as_json["status"] == "queued"
    missing = jobgroups(service, "explain", "0186071a-5d40-7000-8000-000000000001")
    assert missing.returncode == 3
    assert "There is no job group" in missing.stderr


def test_the_command_line_finds_and_mends_drift(service: Supervisor) -> None:
    with client_of(service.url, service.api_key) as api:
        group = api.post(GROUPS, json={"name": "drifts", "template": "t"}).json()["data"]
        drift = "UPDATE job_groups SET failed_count = 3 WHERE id = CAST(:id AS uuid) RETURNING id"
        select(service.settings.require("database_url"), drift, id=group["id"])
        found = jobgroups(service, "reconcile", "--json")
        assert found.returncode == 4
        assert [each["groupId"] for each in json.loads(found.stdout)] == [group["id"]]
        assert jobgroups(service, "reconcile", "--repair").returncode == 4
        assert jobgroups(service, "reconcile").returncode == 0
        assert api.get(f"{GROUPS}/{group['id']}").json()["data"]["counts"]["failed"] == 0
