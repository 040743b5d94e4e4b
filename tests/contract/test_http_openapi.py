"""The documentation describes what the service does."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api_stub.problems import KINDS
from models.fields import JobGroupFields
from models.store.sorting import GROUP_SORTS
from tests.contract.http_api import GROUPS, PROBLEM, Service, client_of

GROUP = GROUPS + "/{id}"
OPERATIONS = {
    ("get", GROUPS),
    ("post", GROUPS),
    ("get", GROUP),
    ("put", GROUP),
    ("patch", GROUP),
    ("delete", GROUP),
    ("get", GROUP + "/events"),
    ("get", GROUP + "/explain"),
    *(("post", f"{GROUP}/{word}") for word in ("start", "pause", "resume", "cancel", "retry", "seal")),
    ("get", GROUP + "/jobs"),
    ("post", GROUP + "/jobs"),
    ("get", GROUP + "/jobs/{jobId}"),
    ("get", GROUP + "/jobs/{jobId}/explain"),
    ("post", GROUP + "/jobs/{jobId}/review"),
    ("get", GROUP + "/deliveries"),
    ("get", GROUP + "/deliveries/{deliveryId}"),
    ("post", GROUP + "/deliveries/{deliveryId}/redeliver"),
    ("get", "/commands/{id}"),
    ("get", "/dead-letters"),
    ("get", "/dead-letters/{id}"),
    ("get", "/events"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def document(api: httpx.Client) -> dict[str, Any]:
    read: dict[str, Any] = api.get("/openapi.json").json()
    return read


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path][method]
    return found


def parameters_of(document: dict[str, Any], method: str, path: str) -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in operation(document, method, path).get("parameters", [])}


def every_reference(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from every_reference(item)


def example(document: dict[str, Any], content: dict[str, Any]) -> Any:
    """Return the one example of a body, wherever it is written."""
    if "example" in content:
        return content["example"]
    (reference,) = content["examples"].values()
    return document["components"]["examples"][reference["$ref"].rpartition("/")[2]]["value"]


def test_it_names_the_api(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert (document["info"]["title"], document["info"]["version"]) == ("OCR Invoice Job Group API", "1.0.0")


def test_it_lists_every_operation_and_no_other(document: dict[str, Any]) -> None:
    assert {(method, path) for path, methods in document["paths"].items() for method in methods} == OPERATIONS


def test_operations_have_names_that_clients_can_be_generated_from(document: dict[str, Any]) -> None:
    named = {operation(document, *key)["operationId"] for key in OPERATIONS}
    assert {"listJobGroups", "createJobGroup", "patchJobGroup", "getCommand"} <= named
    assert len(named) == len(OPERATIONS)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(every_reference(document))
    assert references
    assert any("/examples/" in reference for reference in references)
    for reference in references:
        kind, _, name = reference.removeprefix("#/components/").partition("/")
        assert name in document["components"][kind], reference


def test_the_key_is_asked_for_everywhere_but_at_the_health_checks(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    open_ = {key for key in OPERATIONS if "security" not in operation(document, *key)}
    assert open_ == {("get", "/healthz"), ("get", "/readyz")}


def test_the_parameters_of_the_list(document: dict[str, Any]) -> None:
    parameters = parameters_of(document, "get", GROUPS)
    assert set(parameters) == {"limit", "offset", "cursor", "count", "sort", "order", "filter", "search"}
    limit = parameters["limit"]["schema"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 100, 50)
    assert (parameters["offset"]["schema"]["minimum"], parameters["offset"]["schema"]["default"]) == (0, 0)
    assert parameters["sort"]["schema"]["enum"] == list(GROUP_SORTS)
    assert (parameters["order"]["schema"]["enum"], parameters["order"]["schema"]["default"]) == (
        ["asc", "desc"],
        "desc",
    )
    for word in ("$in", "$contains", "$or", "batchNumber", "metadata.KEY"):
        assert word in parameters["filter"]["description"]


def test_the_headers_of_a_change(document: dict[str, Any]) -> None:
    parameters = parameters_of(document, "patch", GROUP)
    assert set(parameters) == {"id", "If-Match", "Idempotency-Key", "Prefer"}
    assert set(parameters_of(document, "get", GROUP)) == {"id", "If-None-Match"}
    assert "ETag" in operation(document, "get", GROUP)["responses"]["200"]["headers"]
    assert {"ETag", "Location"} <= set(operation(document, "post", GROUPS)["responses"]["201"]["headers"])
    assert "Location" in operation(document, "post", GROUPS)["responses"]["202"]["headers"]


@pytest.mark.parametrize(("method", "path"), [("post", GROUPS), ("put", GROUP)])
def test_the_body_is_the_writable_fields(document: dict[str, Any], method: str, path: str) -> None:
    content = operation(document, method, path)["requestBody"]["content"]["application/json"]
    schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    assert set(schema["properties"]) == {str(field.alias) for field in JobGroupFields.model_fields.values()}
    assert schema["required"] == ["name", "template"]
    assert schema["additionalProperties"] is False


def test_a_patch_may_be_sent_as_either_type(document: dict[str, Any]) -> None:
    content = operation(document, "patch", GROUP)["requestBody"]["content"]
    assert set(content) == {"application/merge-patch+json", "application/json"}


def test_the_example_request_makes_the_example_answer(api: httpx.Client, document: dict[str, Any]) -> None:
    post = operation(document, "post", GROUPS)
    request = example(document, post["requestBody"]["content"]["application/json"])
    assert (request["name"], request["batchNumber"]) == ("Invoice Batch 2023-001", "BATCH-2023-001")
    assert (request["template"], request["priority"]) == ("standard-invoice", "high")
    expected = example(document, post["responses"]["201"]["content"]["application/json"])
    answered = api.post(GROUPS, json=request).json()
    theirs = {"id", "createdAt", "updatedAt", "startedAt"}
    assert set(answered["data"]) == set(expected["data"])
    assert {k: v for k, v in answered["data"].items() if k not in theirs} == {
        k: v for k, v in expected["data"].items() if k not in theirs
    }


def test_the_other_examples_work(api: httpx.Client, document: dict[str, Any]) -> None:
    patch = example(document, operation(document, "patch", GROUP)["requestBody"]["content"]["application/json"])
    filter_ = parameters_of(document, "get", GROUPS)["filter"]["schema"]["examples"][0]
    request = example(document, operation(document, "post", GROUPS)["requestBody"]["content"]["application/json"])
    group = api.post(GROUPS, json=request).json()["data"]
    found = api.get(GROUPS, params={"filter": filter_, "limit": 100}).json()["data"]
    assert group["id"] in {each["id"] for each in found}
    assert None in patch.values()
    assert api.patch(f"{GROUPS}/{group['id']}", json=patch).status_code == 200


def test_what_a_group_has_is_what_its_schema_says(api: httpx.Client, document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["JobGroupResource"]
    group = api.post(GROUPS, json={"name": "n", "template": "t"}).json()["data"]
    assert set(group) == set(schema["properties"]) == set(schema["required"])


@pytest.mark.parametrize(("method", "path"), sorted(OPERATIONS - {("get", "/healthz")}))
def test_problems_are_documented_as_such(document: dict[str, Any], method: str, path: str) -> None:
    responses = operation(document, method, path)["responses"]
    problems = {status: response for status, response in responses.items() if int(status) >= 400}
    assert "503" in problems
    for status, response in problems.items():
        assert set(response["content"]) == {PROBLEM}
        for code, example in response["content"][PROBLEM]["examples"].items():
            assert KINDS[code][0] == int(status) == example["value"]["status"]


def test_every_answer_to_a_key_tells_its_limit(document: dict[str, Any]) -> None:
    for method, path in OPERATIONS - {("get", "/healthz"), ("get", "/readyz")}:
        responses = operation(document, method, path)["responses"]
        assert set(responses["429"]["content"][PROBLEM]["examples"]) == {"rate_limited", "too_many_wrong_keys"}
        assert set(responses["429"]["headers"]) == {"RateLimit-Policy", "RateLimit", "Retry-After"}
        assert set(responses["503"]["headers"]) == {"Retry-After"}
        for status in set(responses) & {"200", "201", "202"}:
            assert {"RateLimit-Policy", "RateLimit"} <= set(responses[status]["headers"])


def test_the_page_shows_it_and_needs_no_other_server(api: httpx.Client) -> None:
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"https?://", page.text)
    addresses = re.findall(r"(?:href|src)=\"([^\"]+)\"|url: '([^']+)'", page.text)
    assert ("", "/openapi.json") in addresses
    assert len(addresses) == 4
    for address in map("".join, addresses):
        assert api.get(address).is_success
