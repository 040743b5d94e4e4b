"""The AsyncAPI document: it names everything, and its examples are what its schemas and the service's own code take."""

import json
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator

from api_stub import asyncapi
from models import names
from models.command_document import read_document
from models.commands import CommandEnvelope, parse_command
from models.events import EVENTS
from models.fields import Priority
from tasks.commands import app  # from where the tasks are
from tests.contract_files import FOLDER
from tests.published_schemas import as_published, errors_in

DOCUMENT = asyncapi.document()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
TASKS = {name for name in app.tasks if not name.startswith("celery.")} - {names.HANDLE_GATHERED}


def those(kind: str) -> list[str]:
    return [name.removeprefix(f"{kind}.") for name in MESSAGES if name.startswith(f"{kind}.")]


def example(message: str) -> Any:
    (only,) = MESSAGES[message]["examples"]
    return only["payload"]


def errors(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what of `value` does not fit `schema`, a part of the document; AsyncAPI's dialect is that of draft 7."""
    whole = {"components": {"schemas": DOCUMENT["components"]["schemas"]}, **schema}
    return [error.message for error in Draft7Validator(whole, validate_formats=True).iter_errors(value)]


def test_every_task_every_command_and_every_event_is_a_message() -> None:
    assert set(those("task")) == TASKS
    assert set(those("document")) == TASKS - {names.HANDLE_BATCH}
    assert set(those("event")) == set(EVENTS)


def test_every_message_is_in_a_channel_and_every_channel_in_an_operation() -> None:
    used = {name for channel in DOCUMENT["channels"].values() for name in channel["messages"]}
    assert used == set(MESSAGES)
    named = json.dumps(DOCUMENT["operations"])
    assert all(f'"#/channels/{channel}"' in named for channel in DOCUMENT["channels"])


def test_the_routing_keys_are_those_of_the_events() -> None:
    keys = set(DOCUMENT["channels"]["events"]["parameters"]["event"]["enum"])
    assert keys == EVENTS.keys() - {names.JOB_DISPATCHED} | {f"job.dispatched.{priority}" for priority in Priority}


@pytest.mark.parametrize("message", MESSAGES)
def test_every_example_fits_its_schema(message: str) -> None:
    (given,) = MESSAGES[message]["examples"]
    assert errors(MESSAGES[message]["payload"], given["payload"]) == []
    assert errors(MESSAGES[message].get("headers", {}), given.get("headers")) == []


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("task.job_group.create", [1, "name"]),
        ("document.job.report", ["data", "reports", 0, "attempt"]),
        ("event.job_group.created", ["data", "group", "tags"]),
        ("outcomes", [0, "commandId"]),
    ],
)
def test_what_is_wrong_does_not_fit(message: str, path: list[Any]) -> None:
    spoilt = json.loads(json.dumps(example(message)))
    inner = spoilt
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = {"of another": "type"}
    assert errors(MESSAGES[message]["payload"], spoilt)


@pytest.mark.parametrize("type_", those("document"))
def test_every_command_in_an_example_is_one_that_the_service_reads(type_: str) -> None:
    sent = read_document(json.dumps(example(f"document.{type_}")).encode())
    assert sent.type == type_
    parse_command(sent)
    _, data, _ = example(f"task.{type_}")
    parse_command(CommandEnvelope(id=sent.id, type=type_, data=data))


def test_so_is_every_command_of_the_batch() -> None:
    _, batch, _ = example(f"task.{names.HANDLE_BATCH}")
    for item in batch["commands"]:
        parse_command(CommandEnvelope.model_validate(item))


def test_so_is_the_one_in_the_readme_of_the_contracts() -> None:
    _, _, rest = (FOLDER / "README.md").read_text().partition("```json\n")
    parse_command(read_document(rest.partition("```")[0].encode()))


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_in_an_example_is_as_published(name: str) -> None:
    assert as_published(example(f"event.{name}"))["type"] == names.event_type(name)


def test_both_outcomes_in_the_example_are_as_published() -> None:
    told = example("outcomes")
    assert [outcome["status"] for outcome in told] == ["succeeded", "rejected"]
    assert [errors_in("ocr_invoice.outcome.v1", outcome) for outcome in told] == [[], []]
