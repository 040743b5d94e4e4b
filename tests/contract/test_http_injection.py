"""What is meant for the database, the log or another reader of a header is text here, or is refused."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from models.contract import MAX_JSON_DEPTH
from models.store.filters import MAX_CONDITIONS, MAX_DEPTH
from tests.contract.http_api import GROUPS, Service, address, client_of, new_group, problem_of, wrong_fields

INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE job_groups; --",
    "name' UNION SELECT key FROM api_keys --",
    "1); DELETE FROM jobs; --",
    "$$; SELECT pg_sleep(10); $$",
    "\\'; SELECT pg_sleep(10); --",
    "%' AND pg_sleep(10) IS NULL AND '%",
    "{{7*7}}",
    "${jndi:ldap://example.com/a}",
    "__proto__",
    "name\u0000",
    "\u202ename",
    "na\u200bme",
    "\uff4eame",
]


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@pytest.mark.parametrize("text", INJECTIONS)
def test_names_of_fields_come_from_a_table_and_nowhere_else(api: httpx.Client, text: str) -> None:
    for parameter in ("sort", "order", "limit", "offset", text):
        assert wrong_fields(api.get(GROUPS, params={parameter: text})) == {parameter}
    for document in ({text: 1}, {"name": {text: 1}}, {"$or": [{text: 1}]}):
        problem_of(api.get(GROUPS, params={"filter": json.dumps(document)}), 422, "validation_failed")


@pytest.mark.parametrize("text", [text for text in INJECTIONS if "\u0000" not in text])
def test_values_are_found_as_they_were_written(api: httpx.Client, text: str) -> None:
    """The same text as a name, a tag, a key and a value: it finds its group, and nothing else."""
    group = new_group(api, name=text, tags=[text], metadata={"text": text, "id": (mark := str(uuid4()))})
    for condition in (
        {"name": text},
        {"name": {"$contains": text}},
        {"tags": text},
        {"metadata.text": {"$in": [text]}},
    ):
        document = {"$and": [condition, {"metadata.id": mark}]}
        found = api.get(GROUPS, params={"filter": json.dumps(document)}).json()
        assert [each["id"] for each in found["data"]] == [group["id"]]
    assert api.get(GROUPS, params={"search": text}).status_code == 200


def nested(depth: int, inner: Any, wrap: str | None = None) -> Any:
    for _ in range(depth):
        inner = [inner] if wrap is None else {wrap: inner}
    return inner


def test_filters_nest_and_grow_up_to_their_limits(api: httpx.Client) -> None:
    def status(document: Any) -> int:
        return api.get(GROUPS, params={"filter": json.dumps(document)}).status_code

    assert status(nested(MAX_DEPTH - 1, {"name": "n"}, "$not")) == 200
    assert status(nested(MAX_DEPTH, {"name": "n"}, "$not")) == 422
    assert status({"$or": [{"name": "n"}] * MAX_CONDITIONS}) == 200
    assert status({"$or": [{"name": "n"}] * (MAX_CONDITIONS + 1)}) == 422
    assert api.get(GROUPS, params={"filter": "[" * 8000}).status_code == 422


@pytest.mark.parametrize("wrap", [None, "a"])
def test_patches_nest_up_to_their_limit(api: httpx.Client, wrap: str | None) -> None:
    group = new_group(api)
    deep = {"metadata": {"a": nested(MAX_JSON_DEPTH - 4, 1, wrap)}}
    assert api.patch(address(group), json=deep).status_code == 200
    too_deep = {"metadata": {"a": nested(MAX_JSON_DEPTH, 1, wrap)}}
    problem_of(api.patch(address(group), json=too_deep), 422, "validation_failed")
    endless = '{"metadata": ' + '{"a": ' * 100_000 + "1" + "}" * 100_001
    refused = api.patch(address(group), content=endless, headers={"Content-Type": "application/json"})
    assert refused.status_code in (400, 413)
    assert api.get(address(group)).json()["data"]["version"] == 2


@pytest.mark.parametrize("value", [b"x" * 201, b"a b", b"a\tb", "é".encode(), b"a\x7fb", b"", b"<script>"], ids=repr)
def test_a_request_id_is_given_back_only_if_it_is_plain(api: httpx.Client, value: bytes) -> None:
    answer = api.get("/healthz", headers=[(b"X-Request-ID", value)])
    if value == b"<script>":  # visible ASCII is text: what shows it must quote it
        assert answer.headers["x-request-id"] == "<script>"
    else:
        assert "x-request-id" not in answer.headers
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("path", ["%00", "%2e%2e%2fhealthz", "%c0%ae", "%ed%a0%80", "\u202e", "a%0d%0aX-Injected: 1"])
def test_a_path_is_quoted_where_it_is_given_back(api: httpx.Client, path: str) -> None:
    answer = api.get(f"{GROUPS}/{path}")
    assert answer.status_code in (404, 422)
    assert "x-injected" not in answer.headers
    assert answer.json()["instance"].isascii()
