"""One job group over HTTP: create, read, replace, patch, delete."""

import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest

from api_stub import samples
from tests.contract.http_api import GROUPS, Service, address, client_of, new_group, problem_of


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


def test_the_sample_request_creates_a_group(api: httpx.Client) -> None:
    response = api.post(GROUPS, json=samples.GROUP)
    group = response.json()["data"]
    assert response.status_code == 201
    assert response.json() == {"success": True, "data": group}
    assert response.headers["location"] == address(group)
    assert response.headers["etag"] == '"1"'
    assert response.headers["content-type"] == "application/json"
    assert UUID(group["id"]).version == 7
    assert (group["status"], group["version"], group["counts"]["total"]) == ("queued", 1, 0)
    assert api.get(response.headers["location"]).json() == response.json()


def test_a_group_is_created_by_way_of_either_broker(either_service: Service) -> None:
    with client_of(either_service.url, either_service.api_key) as client:
        group = new_group(client)
        assert client.patch(address(group), json={"name": "renamed"}).json()["data"]["name"] == "renamed"
        assert client.get("/readyz").status_code == 200


def test_what_was_sent_is_given_back_with_the_defaults_in_effect(api: httpx.Client) -> None:
    group = new_group(api, processingSettings={"maxAttempts": 7, "engine": {"dpi": 300}})
    assert group["priority"] == "medium"
    assert group["processingSettings"]["maxAttempts"] == 7
    assert group["processingSettings"]["engine"] == {"dpi": 300}
    assert group["processingSettings"]["autoStart"] is True
    assert (group["tags"], group["metadata"], group["description"]) == ([], {}, None)


def test_a_group_that_does_not_start_by_itself_is_a_draft(api: httpx.Client) -> None:
    assert new_group(api, processingSettings={"autoStart": False})["status"] == "draft"


def test_a_secret_is_never_given_back(api: httpx.Client) -> None:
    channel = {"type": "webhook", "url": "https://example.com/hook", "secret": "whsec_c2VjcmV0"}
    group = new_group(api, notifications={"channels": [channel]})
    patched = api.patch(address(group), json={"tags": ["x"]})
    for told in (group, patched.json()["data"], api.get(address(group)).json()["data"]):
        assert told["notifications"]["channels"][0]["url"] == channel["url"]
        assert "secret" not in told["notifications"]["channels"][0]


def test_a_replacement_puts_absent_fields_back_to_their_defaults(api: httpx.Client) -> None:
    group = new_group(api, description="old", tags=["old"], priority="urgent")
    response = api.put(address(group), json={"name": "new", "template": "other"})
    replaced = response.json()["data"]
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert (replaced["name"], replaced["template"], replaced["version"]) == ("new", "other", 2)
    assert (replaced["description"], replaced["tags"], replaced["priority"]) == (None, [], "medium")
    assert (replaced["id"], replaced["createdAt"]) == (group["id"], group["createdAt"])


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
def test_a_patch_changes_what_it_names(api: httpx.Client, media_type: str) -> None:
    group = new_group(api, description="old", tags=["kept"], metadata={"site": "Lyon", "line": 4})
    patch = b'{"description": null, "priority": "low", "metadata": {"site": "Paris", "line": null}}'
    response = api.patch(address(group), content=patch, headers={"Content-Type": media_type})
    patched = response.json()["data"]
    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    assert (patched["description"], patched["priority"]) == (None, "low")
    assert (patched["metadata"], patched["tags"]) == ({"site": "Paris"}, ["kept"])


def test_a_deleted_group_is_gone(api: httpx.Client) -> None:
    group = new_group(api)
    response = api.delete(address(group))
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "OCR invoice job group deleted successfully"}
    for again in (api.get(address(group)), api.delete(address(group)), api.get(address(group) + "/jobs")):
        problem_of(again, 404, "not_found")
    problem_of(api.patch(address(group), json={}), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("GET", "/jobs", None),
        ("DELETE", "", None),
        ("PUT", "", {"name": "n", "template": "t"}),
        ("PATCH", "", {"name": "n"}),
    ],
)
def test_a_group_that_never_was_is_not_found(api: httpx.Client, method: str, suffix: str, body: object) -> None:
    problem_of(api.request(method, f"{GROUPS}/{uuid4()}{suffix}", json=body), 404, "not_found")


def test_a_group_lists_its_jobs(api: httpx.Client) -> None:
    response = api.get(address(new_group(api)) + "/jobs", params={"limit": 5, "sort": "attempts", "order": "asc"})
    assert (response.status_code, response.json()) == (200, {"success": True, "data": [], "total": 0})


def test_a_change_can_be_bound_to_the_version_that_was_read(api: httpx.Client) -> None:
    group = new_group(api)
    changed = api.patch(address(group), json={"name": "second"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    for late in (
        api.patch(address(group), json={"name": "third"}, headers={"If-Match": '"1"'}),
        api.put(address(group), json={"name": "third", "template": "t"}, headers={"If-Match": '"1"'}),
        api.delete(address(group), headers={"If-Match": '"3"'}),
    ):
        assert problem_of(late, 412, "version_conflict")["currentVersion"] == 2
    assert api.get(address(group)).json()["data"]["name"] == "second"
    assert api.delete(address(group), headers={"If-Match": changed.headers["etag"]}).status_code == 200


def test_any_version_will_do_for_a_star(api: httpx.Client) -> None:
    group = new_group(api)
    assert api.patch(address(group), json={"name": "x"}, headers={"If-Match": "*"}).status_code == 200
    missing = api.patch(f"{GROUPS}/{uuid4()}", json={"name": "x"}, headers={"If-Match": "*"})
    problem_of(missing, 404, "not_found")


@pytest.mark.parametrize("header", ['W/"1"', "1", '"one"', '"0"', '"1", "2"', "", '"99999999999999999999"'])
def test_an_if_match_that_is_no_version_is_refused(api: httpx.Client, header: str) -> None:
    path = f"{GROUPS}/{uuid4()}"
    problem_of(api.delete(path, headers={"If-Match": header}), 400, "malformed_header")


def test_a_reader_who_has_the_version_gets_no_body(api: httpx.Client) -> None:
    group = new_group(api)
    for header in ('"1"', 'W/"1"', '"7", "1"', "*"):
        response = api.get(address(group), headers={"If-None-Match": header})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"1"'), header
    for header in ('"2"', 'W/"11"', "nonsense"):
        assert api.get(address(group), headers={"If-None-Match": header}).status_code == 200, header


def test_a_read_is_quick(api: httpx.Client) -> None:
    group = new_group(api)
    started_at = time.monotonic()
    for _ in range(50):
        assert api.get(address(group)).status_code == 200
    assert (time.monotonic() - started_at) / 50 < 0.1, "seconds for one read"
