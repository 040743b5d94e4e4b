"""The messages in the AsyncAPI document: each with its schema, and an example that the service itself would send or
take."""

from typing import Any

from api_stub.command_samples import commands
from api_stub.event_samples import events, outcomes
from api_stub.samples import COMMAND_ID
from models import names
from models.events import EVENTS
from models.schemas import (
    COMMAND_DOCUMENT,
    EVENT_DOCUMENT,
    OUTCOME,
    PUBLIC_COMMANDS,
    CommandBatch,
    schema_name,
)

Message = dict[str, Any]

CLOUD_EVENT = "application/cloudevents+json"
_OUTCOME_CHANNEL = f"{names.OUTCOME_CHANNEL_PREFIX}scanner-7"


def messages() -> dict[str, Message]:
    """Return every message by its name: `task.`, `document.` or `event.` and what it is about, and `outcomes`."""
    data = commands()
    tasks: dict[str, type] = {**PUBLIC_COMMANDS, names.HANDLE_BATCH: CommandBatch}
    published = events()
    return {
        **{f"task.{type_}": _task(type_, model, data[type_]) for type_, model in tasks.items()},
        **{f"document.{type_}": _document(type_, model, data[type_]) for type_, model in PUBLIC_COMMANDS.items()},
        **{f"event.{name}": _event(name, model, published[name]) for name, model in EVENTS.items()},
        "outcomes": _outcomes(),
    }


def _task(type_: str, model: type, data: dict[str, Any]) -> Message:
    """The body of Celery's protocol: positional arguments, keyword arguments, and what has no meaning here."""
    nothing = {"type": "array", "maxItems": 0}
    headers = {
        "type": "object",
        "required": ["task", "id"],
        "properties": {
            "task": {"const": type_},
            "id": {"type": "string", "description": "the command's id"},
            **{name: {"type": "string"} for name in ("actor", "correlationId", "traceparent", "replyTo")},
        },
    }
    payload = {
        "type": "array",
        "items": [nothing, _ref(type_), {"type": "object"}],
        "minItems": 3,
        "maxItems": 3,
    }
    example = {"headers": {"task": type_, "id": COMMAND_ID}, "payload": [[], data, {}]}
    return {**_message(type_, model, payload, example), "headers": headers}


def _document(type_: str, model: type, data: dict[str, Any]) -> Message:
    payload = {"allOf": [_ref(COMMAND_DOCUMENT), {"properties": {"type": {"const": type_}, "data": _ref(type_)}}]}
    document = {
        "specversion": "1.0",
        "id": COMMAND_ID,
        "source": "/scanner/7",
        "type": type_,
        "data": data,
        "replyto": _OUTCOME_CHANNEL,
    }
    return _message(type_, model, payload, {"payload": document}) | {"contentType": CLOUD_EVENT}


def _event(name: str, model: type, document: dict[str, Any]) -> Message:
    told = {
        "type": {"const": names.event_type(name)},
        "dataschema": {"const": document["dataschema"]},
        "data": _ref(name),
    }
    payload = {"allOf": [_ref(EVENT_DOCUMENT), {"properties": told}]}
    message = _message(names.event_type(name), model, payload, {"payload": document})
    as_published = {"contentEncoding": "binary", "messageType": names.event_type(name), "bindingVersion": "0.3.0"}
    return {**message, "contentType": CLOUD_EVENT, "bindings": {"amqp": as_published}}


def _outcomes() -> Message:
    told = [outcome.model_dump(mode="json", exclude_none=True) for outcome in outcomes()]
    return {
        "name": "outcomes",
        "title": "Outcomes",
        "summary": "What became of commands: as many as one message told of, in their order.",
        "payload": {"type": "array", "items": _ref(OUTCOME), "minItems": 1},
        "examples": [{"payload": told}],
    }


def _message(name: str, model: type, payload: dict[str, Any], example: dict[str, Any]) -> Message:
    summary = " ".join((model.__doc__ or "").split())
    return {"name": name, "title": model.__name__, "summary": summary, "payload": payload, "examples": [example]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema_name(name)}"}
