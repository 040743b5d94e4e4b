"""The commands of the jobs' life from the broker: as tasks of a Celery client, and as plain JSON."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery

from models import names
from models.commands import CommandEnvelope
from tests.commands import celery_client, command, create, document, eventually, new_id, select
from tests.contract.test_commands_three_ways import publish_document
from workers.supervision.supervisor import Supervisor

Send = Callable[[CommandEnvelope], dict[str, Any]]


@pytest.fixture
def client(either_service: Supervisor) -> Iterator[Celery]:
    settings = either_service.settings
    with celery_client(settings.require("broker_url"), settings.require("redis_url")) as app:
        yield app


@pytest.fixture(params=["celery", "json"])
def send(request: pytest.FixtureRequest, either_service: Supervisor, client: Celery) -> Send:
    """Send a command and return its outcome."""
    settings = either_service.settings

    def by_celery(envelope: CommandEnvelope) -> dict[str, Any]:
        outcome: dict[str, Any] = client.send_task(envelope.type, kwargs=envelope.data, task_id=envelope.id).get(20)
        return outcome

    def by_json(envelope: CommandEnvelope) -> dict[str, Any]:
        publish_document(settings.require("broker_url"), document(envelope))
        sql = "SELECT outcome FROM commands WHERE id = :id"
        (row,) = eventually(lambda: select(settings.require("database_url"), sql, id=envelope.id))
        found: dict[str, Any] = row["outcome"]
        return found

    return {"celery": by_celery, "json": by_json}[request.param]


def jobs_of(service: Supervisor, group_id: str) -> list[dict[str, Any]]:
    sql = "SELECT id, status, attempts FROM jobs WHERE group_id = CAST(:id AS uuid) ORDER BY number"
    return select(service.settings.require("database_url"), sql, id=group_id)


def status_of(service: Supervisor, group_id: str) -> str:
    sql = "SELECT status FROM job_groups WHERE id = CAST(:id AS uuid)"
    (row,) = select(service.settings.require("database_url"), sql, id=group_id)
    return str(row["status"])


def test_a_batch_goes_its_whole_way(either_service: Supervisor, send: Send) -> None:
    group_id = new_id()
    settings = {"autoStart": False, "maxAttempts": 1}

    def done(type_: str, **data: Any) -> str:
        outcome = send(command(type_, data))
        assert outcome["status"] == "succeeded", outcome
        assert outcome["groupId"] == group_id
        return status_of(either_service, group_id)

    def report(job: dict[str, Any], status: str, **more: Any) -> str:
        attempt = {"jobId": str(job["id"]), "groupId": group_id, "attempt": job["attempts"], "status": status}
        return done(names.JOB_REPORT, reports=[{**attempt, **more}])

    send(create(group_id, processingSettings=settings))
    documents = [{"document": {"uri": f"file:///{number}.pdf"}} for number in range(3)]
    assert done(names.JOB_ADD, groupId=group_id, jobs=documents, last=False) == "draft"
    assert done(names.JOB_GROUP_START, id=group_id) == "processing"
    assert done(names.JOB_GROUP_PAUSE, id=group_id) == "paused"
    assert done(names.JOB_GROUP_RESUME, id=group_id) == "processing"
    assert done(names.JOB_GROUP_SEAL, id=group_id) == "processing"
    sure, doubtful, broken = jobs_of(either_service, group_id)
    assert report(sure, "succeeded", confidence=0.99, result={"total": "1.00"}) == "processing"
    assert report(broken, "failed", error={"code": "torn", "message": "the page is torn"}) == "processing"
    assert report(doubtful, "succeeded", confidence=0.4) == "awaiting_review"
    review = {"jobId": str(doubtful["id"]), "decision": "accept", "reviewer": "carol"}
    assert done(names.JOB_REVIEW, groupId=group_id, **review) == "completed_with_errors"
    assert done(names.JOB_GROUP_RETRY, id=group_id) == "processing"
    assert done(names.JOB_GROUP_CANCEL, id=group_id) == "cancelling"
    assert report(jobs_of(either_service, group_id)[2], "succeeded", confidence=0.99) == "cancelled"
    assert [job["status"] for job in jobs_of(either_service, group_id)] == ["succeeded", "succeeded", "cancelled"]


def test_what_has_no_meaning_now_is_refused(send: Send) -> None:
    group_id = new_id()
    send(create(group_id))
    refused = send(command(names.JOB_GROUP_START, {"id": group_id}))
    assert (refused["status"], refused["error"]["code"]) == ("rejected", "illegal_transition")
    wrong = send(command(names.JOB_ADD, {"groupId": group_id, "jobs": [{"document": {}}]}))
    assert [error["field"] for error in wrong["error"]["errors"]] == ["jobs.0.document.uri"]
