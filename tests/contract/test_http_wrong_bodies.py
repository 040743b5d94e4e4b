"""Bodies of every wrong kind: a problem that says what is wrong, and never a fault of the service."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from models.commands import MAX_COMMAND_BYTES
from tests.contract.http_api import GROUPS, Service, address, client_of, new_group, problem_of, wrong_fields

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


def with_fields(**fields: Any) -> dict[str, Any]:
    return {"name": "n", "template": "t", **fields}


def webhook(**fields: Any) -> dict[str, Any]:
    return with_fields(notifications={"channels": [{"type": "webhook", "url": "https://example.com", **fields}]})


WRONG_FIELDS: list[tuple[Any, set[str]]] = [
    ({}, {"name", "template"}),
    ([], {""}),
    ("text", {""}),
    (None, {""}),
    (5, {""}),
    ({"name": "", "template": " "}, {"name", "template"}),
    ({"name": None, "template": 5}, {"name", "template"}),
    (with_fields(name="x" * 201), {"name"}),
    (with_fields(priority="highest"), {"priority"}),
    (with_fields(priority=None), {"priority"}),
    (with_fields(nmae="typo"), {"nmae"}),
    (with_fields(id=str(UUID(int=1))), {"id"}),
    (with_fields(expectedVersion=1), {"expectedVersion"}),
    (with_fields(batch_number="snake"), {"batch_number"}),
    (with_fields(tags="one"), {"tags"}),
    (with_fields(tags=["", 5, "x" * 101]), {"tags.0", "tags.1", "tags.2"}),
    (with_fields(tags=["x"] * 51), {"tags"}),
    (with_fields(metadata=[]), {"metadata"}),
    (with_fields(metadata={"a": 2**64}), {"metadata"}),
    (with_fields(metadata={"a": 1e300}), {"metadata"}),
    (with_fields(metadata={"a\x00": 1}), {"metadata"}),
    (with_fields(description="a\x00"), {"description"}),
    (with_fields(processingSettings=5), {"processingSettings"}),
    (with_fields(processingSettings={"maxAttempts": 0}), {"processingSettings.maxAttempts"}),
    (with_fields(processingSettings={"maxAttempts": "3"}), {"processingSettings.maxAttempts"}),
    (with_fields(processingSettings={"maxConcurrency": 10**30}), {"processingSettings.maxConcurrency"}),
    (with_fields(processingSettings={"expiresAfterSeconds": 1e18}), {"processingSettings.expiresAfterSeconds"}),
    (with_fields(processingSettings={"automation": "maybe"}), {"processingSettings.automation"}),
    (with_fields(processingSettings={"retryBackoff": {"factor": 0}}), {"processingSettings.retryBackoff.factor"}),
    (with_fields(processingSettings={"mine": {"a": "\x00"}}), {"processingSettings"}),
    (with_fields(notifications={"channels": [{"type": "pigeon"}]}), {"notifications.channels.0"}),
    ({"template": "t", "priority": 1, "tags": 1, "metadata": 1}, {"name", "priority", "tags", "metadata"}),
]


@pytest.mark.parametrize(("body", "fields"), WRONG_FIELDS, ids=[json.dumps(body)[:50] for body, _ in WRONG_FIELDS])
def test_every_wrong_field_is_named(api: httpx.Client, body: Any, fields: set[str]) -> None:
    content = json.dumps(body)
    assert wrong_fields(api.post(GROUPS, content=content, headers=JSON)) == fields
    assert wrong_fields(api.put(f"{GROUPS}/{uuid4()}", content=content, headers=JSON)) == fields


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"url": "ftp://x"}, {"url"}),
        ({"url": "http://[::1"}, {"url"}),
        ({"events": [5]}, {"events.0"}),
        ({"events": ["job_group.*", "job_group.complete"]}, {"events.1"}),
    ],
)
def test_a_wrong_field_of_a_channel_is_named(api: httpx.Client, fields: dict[str, Any], wrong: set[str]) -> None:
    assert wrong_fields(api.post(GROUPS, json=webhook(**fields))) == {
        f"notifications.channels.0.{name}" for name in wrong
    }


def test_a_secret_that_cannot_be_stored_is_refused(api: httpx.Client) -> None:
    problem_of(api.post(GROUPS, json=webhook(secret="a\x00")), 422, "validation_failed")


def test_deep_nesting_is_refused(api: httpx.Client) -> None:
    for depth, status in ((40, 422), (100_000, 400)):
        deep = '{"name": "n", "template": "t", "metadata": {"a": ' + "[" * depth + "]" * depth + "}}"
        assert api.post(GROUPS, content=deep, headers=JSON).status_code == status


WRONG_PATCHES: list[tuple[Any, set[str]]] = [
    ([], {""}),
    (None, {""}),
    ("text", {""}),
    ({"name": None}, {"name"}),
    ({"priority": "x", "nope": 1, "tags": {}}, {"priority", "nope", "tags"}),
    ({"metadata": {"a": "\x00"}, "tags": [1e300]}, {"metadata", "tags"}),
    ({"\x00": 1}, {"\x00.[key]"}),
    ({"processingSettings": {"maxAttempts": -1}}, {"processingSettings.maxAttempts"}),
]


@pytest.mark.parametrize(("patch", "fields"), WRONG_PATCHES, ids=[json.dumps(patch) for patch, _ in WRONG_PATCHES])
def test_every_wrong_field_of_a_patch_is_named(api: httpx.Client, patch: Any, fields: set[str]) -> None:
    group = new_group(api)
    response = api.patch(address(group), content=json.dumps(patch), headers=JSON)
    assert wrong_fields(response) == fields
    assert "patch." not in response.json()["detail"]
    assert api.get(address(group)).json()["data"] == group


NOT_JSON = [
    b"",
    b"{",
    b"{'name': 'n'}",
    b'{"name": "n",}',
    b'{"name": NaN, "template": "t"}',
    b'{"name": Infinity}',
    b'{"name": "\xff\xfe", "template": "t"}',
    b'{"name": "\\ud800", "template": "t"}',
    b'\xef\xbb\xbf{"name": "n", "template": "t"}',
    '{"name": "n", "template": "t"}'.encode("utf-16"),
    b'{"metadata": {"a": ' + b"9" * 5000 + b"}}",
    b"name=n&template=t",
    b"\x00",
]


@pytest.mark.parametrize("body", NOT_JSON, ids=[repr(body[:30]) for body in NOT_JSON])
def test_a_body_that_is_not_json_is_refused(api: httpx.Client, body: bytes) -> None:
    problem_of(api.post(GROUPS, content=body, headers=JSON), 400, "malformed_json")
    problem_of(api.patch(f"{GROUPS}/{uuid4()}", content=body, headers=JSON), 400, "malformed_json")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "nonsense"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_a_body_of_another_type_is_refused(api: httpx.Client, headers: dict[str, str]) -> None:
    problem_of(api.post(GROUPS, content=b"{}", headers=headers), 415, "unsupported_media_type")
    problem_of(api.patch(f"{GROUPS}/{uuid4()}", content=b"{}", headers=headers), 415, "unsupported_media_type")


def test_a_merge_patch_is_no_whole_group(api: httpx.Client) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    problem_of(api.post(GROUPS, content=b"{}", headers=headers), 415, "unsupported_media_type")


def test_parameters_of_the_media_type_do_not_matter(api: httpx.Client) -> None:
    headers = {"Content-Type": 'Application/JSON; charset="utf-8"'}
    assert api.post(GROUPS, content=json.dumps(with_fields()), headers=headers).status_code == 201


def test_a_large_body_is_refused(api: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b'{"name": "' + b"x" * 65_536 for _ in range(40))

    declared = b'{"description": "' + b"x" * MAX_COMMAND_BYTES
    problem_of(api.post(GROUPS, content=declared, headers=JSON), 413, "payload_too_large")
    problem_of(api.post(GROUPS, content=chunks(), headers=JSON), 413, "payload_too_large")


def test_a_command_that_outgrows_its_body_is_refused(api: httpx.Client) -> None:
    body = json.dumps(with_fields(metadata={"a": "é" * 100_000}), ensure_ascii=False).encode()
    assert len(body) < MAX_COMMAND_BYTES
    problem_of(api.post(GROUPS, content=body, headers=JSON), 413, "payload_too_large")


def test_a_body_of_the_largest_size_is_taken(api: httpx.Client) -> None:
    parts = {f"part{number}": "x" * 10_000 for number in range(25)}
    assert api.post(GROUPS, json=with_fields(metadata=parts)).json()["data"]["metadata"] == parts


def test_equal_keys_may_repeat(api: httpx.Client) -> None:
    body = b'{"name": "first", "name": "last", "template": "t"}'
    assert api.post(GROUPS, content=body, headers=JSON).json()["data"]["name"] == "last"
