"""The list of job groups: pages, order, filter, search, and every wrong parameter."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from models.store.filters import MAX_DEPTH
from tests.contract.http_api import GROUPS, Service, address, client_of, new_group, problem_of, wrong_fields


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def batch(api: httpx.Client) -> str:
    """A tag that exactly five groups have."""
    tag = f"batch-{uuid4()}"
    for number, priority in enumerate(("low", "urgent", "medium", "high", "medium")):
        site = "Lyon" if number % 2 else "Zürich"
        new_group(api, name=f"{number}", priority=priority, tags=[tag], metadata={"site": site, "line": number})
    return tag


def listed(api: httpx.Client, tag: str, filter_: dict[str, Any] | None = None, **parameters: Any) -> tuple[str, int]:
    """Return the names in their order, and the total."""
    wanted = {"$and": [{"tags": tag}, filter_]} if filter_ else {"tags": tag}
    response = api.get(GROUPS, params={"filter": json.dumps(wanted), **parameters})
    assert response.status_code == 200, response.text
    assert response.json()["success"] is True
    return "".join(group["name"] for group in response.json()["data"]), response.json()["total"]


def test_the_newest_come_first(api: httpx.Client, batch: str) -> None:
    assert listed(api, batch) == ("43210", 5)


def test_a_list_shows_whole_groups(api: httpx.Client, batch: str) -> None:
    newest = api.get(GROUPS, params={"filter": json.dumps({"tags": batch}), "limit": 1}).json()["data"][0]
    assert newest == api.get(address(newest)).json()["data"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"limit": 2}, "43"),
        ({"limit": 2, "offset": 2}, "21"),
        ({"limit": 100, "offset": 4}, "0"),
        ({"offset": 5}, ""),
        ({"offset": 2**63 - 1}, ""),
        ({"sort": "name", "order": "asc"}, "01234"),
        ({"sort": "name"}, "43210"),
        ({"order": "asc"}, "01234"),
        ({"sort": "priority", "order": "desc", "limit": 2}, "13"),
    ],
)
def test_pages_and_orders(api: httpx.Client, batch: str, parameters: dict[str, Any], expected: str) -> None:
    assert listed(api, batch, **parameters) == (expected, 5)


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({"priority": "medium"}, "42"),
        ({"priority": {"$in": ["high", "urgent"]}}, "31"),
        ({"priority": {"$gte": "high"}}, "31"),
        ({"metadata.site": "Lyon"}, "31"),
        ({"metadata.line": {"$gt": 1, "$lte": 3}}, "32"),
        ({"$or": [{"name": "0"}, {"name": {"$in": ["4"]}}]}, "40"),
        ({"$not": {"metadata.site": "Lyon"}}, "420"),
        ({"createdAt": {"$gte": "2020-01-01T00:00:00Z"}}, "43210"),
        ({"status": "completed"}, ""),
        ({"name": "0' OR '1'='1"}, ""),
    ],
)
def test_filters(api: httpx.Client, batch: str, filter_: dict[str, Any], expected: str) -> None:
    assert listed(api, batch, filter_) == (expected, len(expected))


def test_the_links_lead_through_all_pages_and_back(api: httpx.Client, batch: str) -> None:
    asked = {"filter": json.dumps({"tags": batch}), "sort": "name", "order": "asc", "limit": 2, "count": "none"}
    pages = [api.get(GROUPS, params=asked)]
    while "next" in pages[-1].links:
        pages.append(api.get(pages[-1].links["next"]["url"]))
    shown = [[group["name"] for group in page.json()["data"]] for page in pages]
    assert shown == [["0", "1"], ["2", "3"], ["4"]]
    assert "prev" not in pages[0].links
    assert api.get(pages[2].links["prev"]["url"]).json() == pages[1].json()
    assert api.get(pages[1].links["prev"]["url"]).json() == pages[0].json()


def test_a_page_at_a_cursor_still_counts_all_of_them(api: httpx.Client, batch: str) -> None:
    first = api.get(GROUPS, params={"filter": json.dumps({"tags": batch}), "limit": 4})
    second = api.get(first.links["next"]["url"])
    assert ([group["name"] for group in second.json()["data"]], second.json()["total"]) == (["0"], 5)
    assert "next" not in second.links


def test_a_total_is_counted_estimated_or_left_out(api: httpx.Client, batch: str) -> None:
    asked = {"filter": json.dumps({"tags": batch}), "limit": 2}
    assert api.get(GROUPS, params={**asked, "count": "exact"}).json()["total"] == 5
    assert api.get(GROUPS, params={**asked, "count": "estimated"}).json()["total"] >= 1
    assert set(api.get(GROUPS, params={**asked, "count": "none"}).json()) == {"success", "data"}


def test_a_cursor_is_good_for_its_own_list_only(api: httpx.Client, batch: str) -> None:
    asked = {"filter": json.dumps({"tags": batch}), "limit": 2}
    cursor = httpx.URL(api.get(GROUPS, params=asked).links["next"]["url"]).params["cursor"]
    for wrong in (
        {"sort": "name"},
        {"search": "x"},
        {"filter": "{}"},
        {"cursor": cursor[:-1]},
        {"cursor": f"A{cursor}"},
    ):
        assert wrong_fields(api.get(GROUPS, params={**asked, "cursor": cursor, **wrong})) == {"cursor"}
    assert wrong_fields(api.get(GROUPS, params={**asked, "cursor": cursor, "offset": 1})) == {"cursor"}
    assert api.get(GROUPS, params={**asked, "cursor": cursor, "limit": 3}).status_code == 200


def test_search_finds_beginnings_of_words(api: httpx.Client) -> None:
    mark = uuid4().hex
    group = new_group(
        api, name="Fournisseurs Été", batchNumber="BATCH-2023-001", description=f"from {mark}", tags=["Lyon"]
    )
    for words in (mark, f"2023 {mark[:20]}", f"{mark} batch lyo", f"{mark} ete", f"FOURN {mark}"):
        assert [found["id"] for found in api.get(GROUPS, params={"search": words}).json()["data"]] == [group["id"]], (
            words
        )
    assert api.get(GROUPS, params={"search": f"{mark} absent"}).json() == {"success": True, "data": [], "total": 0}


def test_a_search_goes_together_with_a_filter(api: httpx.Client) -> None:
    mark = uuid4().hex
    new_group(api, description=mark, priority="low")
    high = new_group(api, description=mark, priority="high")
    found = api.get(GROUPS, params={"search": mark, "filter": '{"priority": "high"}'}).json()
    assert ([group["id"] for group in found["data"]], found["total"]) == ([high["id"]], 1)


WRONG = [
    ("limit=0", {"limit"}),
    ("limit=101", {"limit"}),
    ("limit=-1", {"limit"}),
    ("limit=ten", {"limit"}),
    ("limit=", {"limit"}),
    ("limit=1.5", {"limit"}),
    ("limit=" + "9" * 5000, {"limit"}),
    ("offset=-1", {"offset"}),
    ("offset=9223372036854775808", {"offset"}),
    ("offset=NaN", {"offset"}),
    ("order=up", {"order"}),
    ("cursor=", {"cursor"}),
    ("cursor=nope", {"cursor"}),
    ("cursor=%00", {"cursor"}),
    ("cursor=" + "A" * 5000, {"cursor"}),
    ("count=", {"count"}),
    ("count=some", {"count"}),
    ("sort=", {"sort"}),
    ("sort=created_at", {"sort"}),
    ("sort=name;drop table job_groups", {"sort"}),
    ("sort=%00", {"sort"}),
    ("page=2", {"page"}),
    ("Limit=5", {"Limit"}),
    ("%ff=1", {"\ufffd"}),
    ("limit=5&limit=6", {"limit"}),
    ("limit=0&offset=-1&order=x&sort=y&nope=1", {"limit", "offset", "order", "sort", "nope"}),
    ("filter=", {"filter"}),
    ("filter={", {"filter"}),
    ("filter=[]", {"filter"}),
    ("filter=5", {"filter"}),
    ("filter=NaN", {"filter"}),
    ('filter={"nope":1}', {"filter.nope"}),
    ('filter={"status":"nope"}', {"filter.status"}),
    ('filter={"status":{"$regex":"x"}}', {"filter.status.$regex"}),
    ('filter={"priority":{"$in":["high","huge"]}}', {"filter.priority.$in.1"}),
    ('filter={"createdAt":{"$gte":"yesterday"}}', {"filter.createdAt.$gte"}),
    ('filter={"version":99999999999999999999999}', {"filter"}),
    ('filter={"name":"\\u0000"}', {"filter.name"}),
    ('filter={"name":"\\ud800"}', {"filter.name"}),
    ('filter={"\\ud800":1}', {"filter.\\ud800"}),
    ("filter=" + '{"$not":' * 500 + "{}" + "}" * 500, {"filter" + ".$not" * MAX_DEPTH}),
    ("filter=" + "[" * 8000, {"filter"}),
    ('filter={"name":"' + "x" * 9000 + '"}', {"filter"}),
]


@pytest.mark.parametrize(("query", "fields"), WRONG, ids=[query[:40] for query, _ in WRONG])
def test_a_wrong_parameter_is_named(api: httpx.Client, query: str, fields: set[str]) -> None:
    url = httpx.URL(GROUPS).copy_with(query=query.encode().replace(b" ", b"%20"))
    assert wrong_fields(api.get(url)) == fields


@pytest.mark.parametrize("search", ["%00", "%ff%fe", "'; --", "!!!", "%26|:*", "%ED%A0%80", "a" * 20_000])
def test_a_search_for_anything_is_answered(api: httpx.Client, search: str) -> None:
    assert api.get(f"{GROUPS}?search={search}").status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "sort=name", "filter={}", "search=x", "offset=-1"])
def test_jobs_take_the_parameters_of_pages_only(api: httpx.Client, query: str) -> None:
    name = query.partition("=")[0]
    assert wrong_fields(api.get(f"{GROUPS}/{uuid4()}/jobs?{query}")) == {name}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_routes_take_no_parameters(api: httpx.Client, method: str) -> None:
    assert wrong_fields(api.request(method, f"{GROUPS}/{uuid4()}?force=true", json={"name": "n", "template": "t"})) == {
        "force"
    }
    assert wrong_fields(api.post(f"{GROUPS}?force=true", json={})) == {"force"}


def test_a_header_block_of_any_bytes_is_answered(api: httpx.Client) -> None:
    response = api.get(GROUPS, headers=[(b"X-Request-ID", b"\xff\xfe"), (b"traceparent", b"\x80")])
    assert response.status_code == 200
    assert "x-request-id" not in response.headers
    problem_of(api.get("/ocr-invoice-job-groups/"), 404, "not_found")
