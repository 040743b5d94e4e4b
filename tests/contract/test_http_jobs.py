"""The jobs' part of the HTTP API, against the running service."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.commands import eventually
from tests.contract.http_api import wrong_fields
from workers.supervision.supervisor import Supervisor

GROUPS = "/ocr-invoice-job-groups"


@pytest.fixture
def api(service: Supervisor) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": service.api_key}
    with httpx.Client(base_url=service.url, headers=headers, timeout=20, trust_env=False) as client:
        yield client


def new_group(api: httpx.Client, **settings: Any) -> str:
    body = {"name": "March", "template": "standard-invoice", "processingSettings": settings}
    created = api.post(GROUPS, json=body)
    assert created.status_code == 201
    return f"{GROUPS}/{created.json()['data']['id']}"


def documents(count: int) -> list[dict[str, Any]]:
    return [{"externalId": f"scan-{number}", "document": {"uri": f"file:///{number}.pdf"}} for number in range(count)]


def jobs_of(api: httpx.Client, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"{group}/jobs", params={"sort": "number", "order": "asc"}).json()["data"]
    return found


def status(api: httpx.Client, group: str) -> str:
    found: str = api.get(group).json()["data"]["status"]
    return found


def test_jobs_are_added_and_can_be_read(api: httpx.Client) -> None:
    group = new_group(api, maxConcurrency=1)
    added = api.post(f"{group}/jobs", json={"jobs": documents(3)})
    assert added.status_code == 201
    assert added.headers["location"] == f"{group}/jobs"
    assert added.json()["data"]["counts"]["total"] == 3
    assert added.json()["data"]["sealed"] is True
    found = jobs_of(api, group)
    assert [(job["number"], job["externalId"], job["status"]) for job in found] == [
        (1, "scan-0", "processing"),
        (2, "scan-1", "queued"),
        (3, "scan-2", "queued"),
    ]
    one = api.get(f"{group}/jobs/{found[0]['id']}")
    assert one.json()["data"] == found[0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "jobs"),
        ({"jobs": []}, "jobs"),
        ({"jobs": [{}]}, "jobs.0.document"),
        ({"jobs": [{"document": {"uri": ""}}]}, "jobs.0.document.uri"),
        ({"jobs": [{"document": {"uri": "x", "sha256": "short"}}]}, "jobs.0.document.sha256"),
        ({"jobs": [{"document": {"uri": "x"}}], "last": "yes"}, "last"),
        ({"jobs": [{"document": {"uri": "x"}}] * 1001}, "jobs"),
        ({"jobs": [{"document": {"uri": "x"}, "nmae": 1}]}, "jobs.0.nmae"),
    ],
)
def test_a_wrong_job_is_named(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    refused = api.post(f"{new_group(api)}/jobs", json=body)
    assert refused.status_code == 422
    assert field in {error["field"] for error in refused.json()["errors"]}


def test_the_owners_words_lead_a_group_through_its_life(api: httpx.Client) -> None:
    group = new_group(api, autoStart=False, maxConcurrency=1)
    api.post(f"{group}/jobs", json={"jobs": documents(2), "last": False})
    assert status(api, group) == "draft"
    for action, after in (
        ("start", "processing"),
        ("pause", "paused"),
        ("resume", "processing"),
        ("seal", "processing"),
    ):
        acted = api.post(f"{group}/{action}")
        assert acted.status_code == 200, acted.text
        assert status(api, group) == after
        again = api.post(f"{group}/{action}")
        assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    assert api.post(f"{group}/cancel").json()["data"]["status"] == "cancelling"
    assert [job["status"] for job in jobs_of(api, group)] == ["processing", "cancelled"]


def test_an_action_at_a_version_that_has_passed_is_refused(api: httpx.Client) -> None:
    group = new_group(api)
    assert api.post(f"{group}/pause", headers={"If-Match": '"9"'}).status_code == 412
    assert api.post(f"{group}/pause", headers={"If-Match": '"1"'}).status_code == 200


def test_an_empty_sealed_group_completes_at_once_and_jobs_reopen_it(api: httpx.Client) -> None:
    group = new_group(api)
    assert api.post(f"{group}/seal").json()["data"]["status"] == "completed"
    reopened = api.post(f"{group}/jobs", json={"jobs": documents(1)}).json()["data"]
    assert (reopened["status"], reopened["generation"]) == ("processing", 2)


def test_a_lapsed_lease_is_collected_and_a_failed_job_can_be_retried(api: httpx.Client) -> None:
    group = new_group(api, jobTimeoutSeconds=0.1, maxAttempts=1)
    api.post(f"{group}/jobs", json={"jobs": documents(1)})
    eventually(lambda: status(api, group) == "failed")
    (job,) = jobs_of(api, group)
    assert job["error"]["code"] == "lease_expired"
    api.patch(group, json={"processingSettings": {"jobTimeoutSeconds": 300}})
    retried = api.post(f"{group}/retry", json={"jobIds": [job["id"]]}).json()["data"]
    assert (retried["status"], retried["generation"]) == ("processing", 2)
    assert api.post(f"{group}/retry").status_code == 409


def test_only_a_job_that_needs_it_can_be_reviewed(api: httpx.Client) -> None:
    group = new_group(api)
    api.post(f"{group}/jobs", json={"jobs": documents(1)})
    (job,) = jobs_of(api, group)
    review = f"{group}/jobs/{job['id']}/review"
    assert api.post(review, json={"decision": "accept", "reviewer": "carol"}).status_code == 409
    wrong = api.post(review, json={"decision": "perhaps"})
    assert {error["field"] for error in wrong.json()["errors"]} == {"decision", "reviewer"}


def test_the_history_tells_what_happened_in_order(api: httpx.Client) -> None:
    group = new_group(api)
    api.post(f"{group}/jobs", json={"jobs": documents(1)})
    eventually(lambda: api.get(f"{group}/events").json()["total"] == 4)
    events = api.get(f"{group}/events").json()["data"]
    assert [event["sequence"] for event in events] == [1, 2, 3, 4]
    assert [event["type"].split(".", 1)[1] for event in events] == [
        "job_group.created.v1",
        "job_group.jobs_added.v1",
        "job_group.sealed.v1",
        "job.dispatched.v1",
    ]
    page = api.get(f"{group}/events", params={"limit": 1, "offset": 2}).json()
    assert (page["total"], page["data"]) == (4, [events[2]])


@pytest.mark.parametrize("kind", ["jobs", "events"])
def test_the_links_lead_through_jobs_and_events(api: httpx.Client, kind: str) -> None:
    group = new_group(api)
    api.post(f"{group}/jobs", json={"jobs": documents(3)})
    eventually(lambda: api.get(f"{group}/events").json()["total"] == 6)
    pages = [api.get(f"{group}/{kind}", params={"limit": 2})]
    while "next" in pages[-1].links:
        pages.append(api.get(pages[-1].links["next"]["url"]))
    shown = [item["id"] for page in pages for item in page.json()["data"]]
    assert shown == [item["id"] for item in api.get(f"{group}/{kind}").json()["data"]]
    assert api.get(pages[1].links["prev"]["url"]).json() == pages[0].json()


def test_the_jobs_of_one_status_are_listed(api: httpx.Client) -> None:
    group = new_group(api, maxConcurrency=2)
    api.post(f"{group}/jobs", json={"jobs": documents(5)})
    asked = {"status": "queued", "sort": "number", "order": "asc", "limit": 2}
    first = api.get(f"{group}/jobs", params=asked)
    second = api.get(first.links["next"]["url"])
    numbers = [job["number"] for page in (first, second) for job in page.json()["data"]]
    assert (first.json()["total"], numbers) == (3, [3, 4, 5])
    assert api.get(f"{group}/jobs?status=rejected").json() == {"success": True, "data": [], "total": 0}
    assert wrong_fields(api.get(f"{group}/jobs?status=waiting")) == {"status"}


def test_the_service_says_why_a_group_and_a_job_wait(api: httpx.Client) -> None:
    group = new_group(api, maxConcurrency=1)
    api.post(f"{group}/jobs", json={"jobs": documents(2), "last": False})
    reasons = " ".join(api.get(f"{group}/explain").json()["data"]["reasons"])
    assert "maxConcurrency is 1" in reasons
    assert "not sealed" in reasons
    waiting = jobs_of(api, group)[1]["id"]
    explained = api.get(f"{group}/jobs/{waiting}/explain").json()["data"]
    assert explained["status"] == "queued"
    assert "no room" in explained["reasons"][0]


@pytest.mark.parametrize("path", ["", "/jobs", "/events", "/explain", "/jobs/0186071a-5d40-7000-8000-000000000002"])
def test_what_is_not_there_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.get(f"{GROUPS}/0186071a-5d40-7000-8000-000000000001{path}").status_code == 404
