"""`/asyncapi.json`: what crosses the brokers, as an AsyncAPI 3.0 document made from the models.

Operations are the service's own, as the specification has it: what the service receives, its users send.
"""

from typing import Any

from api_stub.asyncapi_messages import messages
from api_stub.auth import KEY_HEADER
from client.broker import COMMAND_QUEUE, EVENT_EXCHANGE, INTAKE_QUEUE
from models import names
from models.events import ROUTING_KEYS
from models.schemas import Schema, given, taken

MEDIA_TYPE = "application/vnd.aai.asyncapi+json;version=3.0.0"
VERSION = "1.0.0"
DESCRIPTION = """Batches of invoices for OCR. Commands come in as messages, every change goes out as a domain event.

The same command id again has no second effect. Events come at least once, those of a group in the order of `sequence`,
and a repeated event has the same `id`. Ignore fields that you do not know: a version may gain some.

The broker is a Redis or a RabbitMQ. The outcomes that callers wait for are told by Redis with either."""

_COMMANDS = "Celery task messages (protocol 2), for Celery clients. On Redis, as kombu wraps them."
_DOCUMENTS = f"""Plain JSON from producers in any language. On RabbitMQ a document is the body of a message: publish it
persistently, and wait for the confirmation. On Redis this is a stream, and a document is the field `command` of an
entry: `XADD {names.INTAKE} * command DOCUMENT`."""
_EVENTS = """A topic exchange: bind a durable queue of your own. On Redis it is kombu's emulation of one, for kombu's
subscribers."""
_EVENT_STREAM = """The same events on a Redis stream of bounded length, for subscribers in any language: the field
`event` of each entry (`XREADGROUP`, or `XREAD` from the last entry that you have seen)."""
_FEED = """The same events live over HTTP, as Server-Sent Events: a `GET` with the header `X-API-Key`. The field `data`
of each is the document, `event` the routing key, `id` what to send as `Last-Event-ID` to go on after it."""
_OUTCOMES = f"""A Redis channel (`SUBSCRIBE` before you send) whose name the command chose:
`{names.OUTCOME_CHANNEL_PREFIX}` and then what you like. An outcome that was missed
is at `GET /commands/{{id}}` of the HTTP API."""


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    made = messages()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "OCR invoice job groups",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": _channels(list(made)),
        "operations": _operations(),
        "components": {
            "schemas": {name: _embedded(name, schema) for name, schema in (taken() | given()).items()},
            "messages": made,
            "securitySchemes": {
                "user": {"type": "userPassword", "description": "A user of the broker."},
                "key": {"type": "httpApiKey", "name": KEY_HEADER, "in": "header"},
            },
        },
    }


def _servers() -> dict[str, Any]:
    user = [{"$ref": "#/components/securitySchemes/user"}]
    return {
        "redis": {
            "host": "localhost:6379",
            "protocol": "redis",
            "description": "`JOBGROUPS_BROKER_URL`, if it is a Redis; `JOBGROUPS_REDIS_URL` for outcomes.",
            "security": user,
        },
        "rabbitmq": {
            "host": "localhost:5672",
            "protocol": "amqp",
            "protocolVersion": "0.9.1",
            "description": "`JOBGROUPS_BROKER_URL`, if it is a RabbitMQ.",
            "security": user,
        },
        "api": {
            "host": "localhost:8080",
            "protocol": "http",
            "description": "`JOBGROUPS_URL`: the HTTP API.",
            "security": [{"$ref": "#/components/securitySchemes/key"}],
        },
    }


def _channels(made: list[str]) -> dict[str, Any]:
    tasks, documents, events = (_those(made, prefix) for prefix in ("task.", "document.", "event."))
    keys = {"event": {"description": "the routing key", "enum": ROUTING_KEYS}}
    return {
        "commands": _channel(names.COMMAND_QUEUE, _COMMANDS, tasks) | _exchange(COMMAND_QUEUE.exchange),
        "documents": _channel(names.INTAKE, _DOCUMENTS, documents) | _exchange(INTAKE_QUEUE.exchange),
        "events": _channel("{event}", _EVENTS, events) | {"parameters": keys} | _exchange(EVENT_EXCHANGE),
        "eventStream": _channel(names.EVENT_STREAM, _EVENT_STREAM, events, "redis"),
        "feed": _channel("/events", _FEED, events, "api"),
        "outcomes": _channel(None, _OUTCOMES, _those(made, "outcomes"), "redis"),
    }


def _channel(address: str | None, description: str, made: dict[str, Any], *brokers: str) -> dict[str, Any]:
    servers = [{"$ref": f"#/servers/{broker}"} for broker in brokers or ("redis", "rabbitmq")]
    return {"address": address, "description": description, "servers": servers, "messages": made}


def _operations() -> dict[str, Any]:
    reply = {
        "address": {"location": "$message.payload#/replyto"},
        "channel": {"$ref": "#/channels/outcomes"},
    }
    return {
        "carryOutTask": _operation("receive", "commands", "Carry out a command that a Celery client sent."),
        "carryOutDocument": _operation("receive", "documents", "Carry out a command in plain JSON.") | {"reply": reply},
        "publishEvent": _operation("send", "events", "Tell subscribers what happened."),
        "appendEvent": _operation("send", "eventStream", "The same, where the broker is a Redis."),
        "streamEvent": _operation("send", "feed", "The same, to whoever asks over HTTP."),
    }


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _those(made: list[str], prefix: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in made if name.startswith(prefix)}


def _exchange(exchange: Any) -> dict[str, Any]:
    settings = {"name": exchange.name, "type": exchange.type, "durable": exchange.durable, "autoDelete": False}
    return {"bindings": {"amqp": {"is": "routingKey", "exchange": settings, "bindingVersion": "0.3.0"}}}


def _embedded(name: str, schema: Schema) -> Schema:
    """Return `schema` as a part of the document: its references start at the document's root."""
    part = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    moved: Schema = _moved(part, f"#/components/schemas/{name}/")
    return moved


def _moved(node: Any, root: str) -> Any:
    match node:
        case {"$ref": str(target)}:
            return {"$ref": target.replace("#/", root, 1)}
        case dict():
            return {key: _moved(value, root) for key, value in node.items()}
        case list():
            return [_moved(item, root) for item in node]
        case _:
            return node
