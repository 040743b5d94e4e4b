"""The contracts as the service serves them, and the events of a real run held against what is served."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from models import names
from models.events import EVENTS
from tests.commands import Subscriber, ask, celery_client, command, create, new_id, patch
from tests.contract.http_api import Service, client_of, problem_of
from tests.contract_files import FOLDER, SCHEMAS
from tests.published_schemas import as_published, errors_in

GIVE_UP = {"code": "unreadable", "message": "no text on the page", "retryable": False}
NAMES = sorted(file.stem for file in SCHEMAS.glob("*.json"))


@pytest.fixture(scope="module")
def anybody(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, None) as client:
        yield client


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[Celery]:
    with celery_client(service.settings.require("broker_url"), service.settings.require("redis_url")) as app:
        yield app


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/openapi.json", "application/json"),
        ("/asyncapi.json", "application/vnd.aai.asyncapi+json;version=3.0.0"),
        *((f"/schemas/{name}", "application/schema+json") for name in NAMES),
    ],
)
def test_anybody_reads_the_file_in_the_documentation(anybody: httpx.Client, path: str, media_type: str) -> None:
    answer = anybody.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    file = Path(f"{FOLDER}{path.removesuffix('.json')}.json")
    assert answer.json() == json.loads(file.read_text())


def test_the_index_leads_to_every_schema(anybody: httpx.Client) -> None:
    assert anybody.get("/schemas").json() == {name: f"/schemas/{name}" for name in NAMES}


@pytest.mark.parametrize("path", ["/asyncapi.json", "/schemas", f"/schemas/{NAMES[0]}"])
def test_who_has_it_need_not_fetch_it_again(anybody: httpx.Client, path: str) -> None:
    first = anybody.get(path)
    assert first.headers["cache-control"] == "public, max-age=3600"
    again = anybody.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert anybody.get(path, headers={"If-None-Match": '"another"'}).json() == first.json()


def test_a_schema_that_there_is_not(anybody: httpx.Client) -> None:
    problem_of(anybody.get("/schemas/ocr_invoice.job_group.created.v0"), 404, "not_found")


class Group:
    """A real group, to send commands to by Celery. Each outcome is held to its schema."""

    def __init__(self, client: Celery, jobs_count: int, **settings: Any) -> None:
        self._client = client
        self.id = new_id()
        self.jobs = [new_id() for _ in range(jobs_count)]
        self.send(names.JOB_GROUP_CREATE, **create(self.id, processingSettings=settings).data)

    def send(self, type_: str, **data: Any) -> None:
        outcome = ask(self._client, command(type_, data))
        assert errors_in("ocr_invoice.outcome.v1", outcome) == []

    def ask(self, *words: str, **data: Any) -> None:
        for word in words:
            self.send(f"job_group.{word}", id=self.id, **data)

    def add(self, *, last: bool = True) -> None:
        jobs = [{"id": id_, "document": {"uri": f"file:///scans/{id_}.pdf", "sha256": "0" * 64}} for id_ in self.jobs]
        for distinct in jobs[:-1]:
            del distinct["document"]["sha256"]
        duplicate = {"document": jobs[-1]["document"]}
        self.send(names.JOB_ADD, groupId=self.id, jobs=[*jobs, duplicate], last=last)

    def report(self, number: int, attempt: int, status: str = "succeeded", **said: Any) -> None:
        about = {"groupId": self.id, "jobId": self.jobs[number], "attempt": attempt, "status": status}
        self.send(names.JOB_REPORT, reports=[{**about, **said}])

    def review(self, number: int, decision: str) -> None:
        self.send(names.JOB_REVIEW, groupId=self.id, jobId=self.jobs[number], decision=decision, reviewer="anna")


def reviewed_tried_again_and_cancelled(client: Celery) -> Group:
    group = Group(client, 3, autoStart=False, maxConcurrency=3, retryBackoff={"initialSeconds": 0})
    group.send(names.JOB_GROUP_PATCH, **patch(group.id, {"tags": ["late"]}).data)
    group.ask("start", "pause", "resume", "start")  # the second start is refused
    group.add()
    group.report(0, 1, confidence=0.97, result={"total": "4557.00"})
    group.report(1, 1, "failed", error={**GIVE_UP, "retryable": True})
    group.report(1, 2, "failed", error=GIVE_UP)
    group.report(2, 1, confidence=0.2, result={})
    group.review(2, "reject")
    group.ask("retry")
    group.ask("cancel")
    for number, attempt in ((1, 3), (2, 2)):
        group.report(number, attempt, "failed")
    group.ask("delete")
    return group


def out_of_time(client: Celery) -> Group:
    group = Group(client, 1, expiresAfterSeconds=0.5, maxConcurrency=1)
    group.add(last=False)
    return group


def test_every_event_of_a_real_run_fits_the_schema_that_it_names(
    service: Service, anybody: httpx.Client, client: Celery
) -> None:
    every_type = {names.event_type(name) for name in EVENTS}
    with Subscriber(service.settings.require("broker_url"), "#") as subscriber:
        groups = {reviewed_tried_again_and_cancelled(client).id, (expiring := out_of_time(client)).id}
        subscriber.receive(1, lambda event: event["type"] == names.event_type(names.JOB_GROUP_EXPIRED))
        expiring.report(0, 1)
        subscriber.receive(1, lambda event: event["type"] == names.event_type(names.JOB_EXPIRED))
        events = subscriber.receive(len(EVENTS), lambda event: event["subject"] in groups)
    assert {as_published(event)["type"] for event in events} == every_type
    for schema in {event["dataschema"] for event in events}:
        assert anybody.get(schema).json()["$id"] == schema
