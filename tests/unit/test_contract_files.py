"""docs/contracts/ is what the code makes, and what the code makes keeps what was published."""

import copy
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from models.schemas import Schema, given, taken
from tests.contract_files import FOLDER, broken_promises, documents, keeps, published, text_of

CREATE, CREATED = "ocr_invoice.job_group.create.v1", "ocr_invoice.job_group.created.v1"
REPORT = "ocr_invoice.job.report.v1"
TEXT = {"type": "string"}

Change = Callable[[Schema], Any]


def test_the_files_are_current() -> None:
    made = {path: text_of(document) for path, document in documents().items()}
    stored = {path: path.read_text() for path in FOLDER.rglob("*.json")}
    stale = [
        str(path.relative_to(FOLDER)) for path in made.keys() | stored.keys() if made.get(path) != stored.get(path)
    ]
    assert not stale, "`make contracts` writes them anew"


def test_no_promise_is_broken() -> None:
    assert list(broken_promises(published())) == []


def test_a_published_schema_that_is_gone_is_a_broken_promise() -> None:
    (told,) = broken_promises({"ocr_invoice.job_group.archived.v1": {}})
    assert "is gone" in told


def test_what_broke_is_shown() -> None:
    promised = copy.deepcopy(given()[CREATED])
    promised["properties"]["colour"] = TEXT
    promised["required"].append("colour")
    (told,) = broken_promises({CREATED: promised})
    assert CREATED in told
    assert '-    "colour"' in told


@pytest.mark.parametrize("name", sorted(taken() | given()))
def test_every_schema_is_one_and_can_be_compared(name: str) -> None:
    schema = (taken() | given())[name]
    jsonschema_rs.meta.validate(schema)
    assert schema["$id"] == f"/schemas/{name}"
    assert schema["description"]
    assert keeps(schema, copy.deepcopy(schema), given=name in given())


def part(schema: Schema, *names: str) -> Any:
    for name in names:
        schema = schema[name]
    return schema


def require(*path: str, field: str) -> Change:
    return lambda schema: part(schema, *path, "required").append(field)


def allow_absence(*path: str, field: str) -> Change:
    return lambda schema: part(schema, *path, "required").remove(field)


def put(*path: str, **values: Any) -> Change:
    return lambda schema: part(schema, *path).update(values)


def drop(*path: str) -> Change:
    return lambda schema: part(schema, *path[:-1]).pop(path[-1])


def all_of(*changes: Change) -> Change:
    return lambda schema: [change(schema) for change in changes]


def another_channel(schema: Schema) -> None:
    channels = part(schema, "$defs", "Notifications", "properties", "channels", "items", "oneOf")
    channels.append({"type": "object", "properties": {"type": {"const": "sms"}}, "required": ["type"]})


GROUP = ("$defs", "JobGroupFields")
SETTINGS = ("$defs", "ProcessingSettings")

KEPT_FOR_SUBSCRIBERS: dict[str, Change] = {
    "a new field": all_of(put("properties", colour=TEXT), require(field="colour")),
    "a new field deeper down": put(*GROUP, "properties", colour=TEXT),
    "a status less": put("$defs", "Priority", enum=["low", "medium"]),
    "other words": put(description="other words"),
}
BROKEN_FOR_SUBSCRIBERS: dict[str, Change] = {
    "a field less": all_of(drop("properties", "version"), allow_absence(field="version")),
    "a field less deeper down": all_of(drop(*GROUP, "properties", "tags"), allow_absence(*GROUP, field="tags")),
    "a field that may be absent": allow_absence(*GROUP, field="tags"),
    "a field that may be null": put("properties", version={"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    "a field of another type": put("properties", version=TEXT),
    "an integer that may be a fraction": put("properties", version={"type": "number"}),
    "an id that may be any text": drop("properties", "groupId", "format"),
    "a value more": put("$defs", "Priority", enum=["low", "medium", "high", "urgent", "now"]),
    "a kind of channel more": another_channel,
}
KEPT_FOR_SENDERS: dict[str, Change] = {
    "a new field": put("properties", colour=TEXT),
    "a new setting": put(*SETTINGS, "properties", colour=TEXT),
    "a field that may be absent": allow_absence(field="name"),
    "a higher limit": put("properties", "name", maxLength=300),
    "no limit": drop("properties", "name", "pattern"),
    "a value more": put("$defs", "Priority", enum=["low", "medium", "high", "urgent", "now"]),
    "a kind of channel more": another_channel,
}
BROKEN_FOR_SENDERS: dict[str, Change] = {
    "a field less": drop("properties", "tags"),
    "a field that must be there": require(field="tags"),
    "a new field that must be there": all_of(put("properties", colour=TEXT), require(field="colour")),
    "a setting of another type": put(*SETTINGS, "properties", maxAttempts=TEXT),
    "a setting less, in settings that are closed": all_of(
        drop(*SETTINGS, "properties", "maxAttempts"), put(*SETTINGS, additionalProperties=False)
    ),
    "a lower limit": put("properties", "name", maxLength=100),
    "another pattern": put("properties", "name", pattern="^[a-z]+$"),
    "a value less": put("$defs", "Priority", enum=["low", "medium"]),
}


def changed(schema: Schema, change: Change) -> Schema:
    after = copy.deepcopy(schema)
    change(after)
    assert after != schema
    return after


@pytest.mark.parametrize("change", KEPT_FOR_SUBSCRIBERS.values(), ids=KEPT_FOR_SUBSCRIBERS)
def test_what_an_event_may_become(change: Change) -> None:
    assert keeps(given()[CREATED], changed(given()[CREATED], change), given=True)


@pytest.mark.parametrize("change", BROKEN_FOR_SUBSCRIBERS.values(), ids=BROKEN_FOR_SUBSCRIBERS)
def test_what_an_event_may_not_become(change: Change) -> None:
    assert not keeps(given()[CREATED], changed(given()[CREATED], change), given=True)


@pytest.mark.parametrize("change", KEPT_FOR_SENDERS.values(), ids=KEPT_FOR_SENDERS)
def test_what_a_command_may_become(change: Change) -> None:
    assert keeps(taken()[CREATE], changed(taken()[CREATE], change), given=False)


@pytest.mark.parametrize("change", BROKEN_FOR_SENDERS.values(), ids=BROKEN_FOR_SENDERS)
def test_what_a_command_may_not_become(change: Change) -> None:
    assert not keeps(taken()[CREATE], changed(taken()[CREATE], change), given=False)


def test_what_is_required_deep_in_a_list_is_seen_as_well() -> None:
    stricter = changed(taken()[REPORT], require("$defs", "JobError", field="retryable"))
    assert not keeps(taken()[REPORT], stricter, given=False)
