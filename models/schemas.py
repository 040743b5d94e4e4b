"""The published contracts: a JSON Schema (2020-12) of everything that crosses a broker, made from the models.

What senders may write is published as it is checked. What subscribers receive is published as a promise that can be
kept for long: every field is there, fields may be added, and the limits of what senders may write are not repeated, so
that a limit can be raised without a new version of every event that shows the field.
"""

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema

from models import names
from models.command_document import CommandDocument
from models.commands import COMMANDS, MAX_BATCH_COUNT, CommandEnvelope
from models.contract import Request
from models.events import EVENTS, EventDocument
from models.outcome import Outcome

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMAND_DOCUMENT = "command_document"
EVENT_DOCUMENT = "event_document"
OUTCOME = "outcome"
_INTERNAL = (names.JOB_GROUP_WAKE, names.JOB_GROUP_DISABLE_WEBHOOK)
"""What housekeeping and the notifier ask, and carry out themselves."""
PUBLIC_COMMANDS = {type_: command for type_, command in COMMANDS.items() if type_ not in _INTERNAL}
"""Those that have a meaning for senders."""

_LIMITS = frozenset(
    {"minLength", "maxLength", "pattern", "minItems", "maxItems"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "default"}
)


class CommandBatch(Request):
    """Many commands in one message, those on the same group carried out in their order, each with its own outcome."""

    commands: Annotated[list[CommandEnvelope], Field(min_length=1, max_length=MAX_BATCH_COUNT)]


class _Plain(GenerateJsonSchema):
    """Without titles made from field names, which say nothing, and without OpenAPI's `discriminator`."""

    def field_title_should_be_set(self, *_: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: Any) -> Schema:
        union = super().tagged_union_schema(schema)
        union.pop("discriminator", None)
        return union


class _Whole(_Plain):
    """Every field is written, those with a default too."""

    def field_is_required(self, *_: Any, **__: Any) -> bool:
        return True


@cache
def taken() -> dict[str, Schema]:
    """Return the schemas of what senders write, by name: each command's data, a batch, and a command as a document."""
    contracts = {**PUBLIC_COMMANDS, names.HANDLE_BATCH: CommandBatch, COMMAND_DOCUMENT: CommandDocument}
    return {
        name: _schema(name, contract.model_json_schema(schema_generator=_Plain))
        for name, contract in _versioned(contracts)
    }


@cache
def given() -> dict[str, Schema]:
    """Return the schemas of what subscribers and callers receive, by name: events, their envelope, outcomes."""
    whole = {
        name: _schema(name, event.model_json_schema(mode="serialization", schema_generator=_Whole))
        for name, event in _versioned(EVENTS)
    }
    # These leave out what they have nothing to say about.
    sparing = {
        name: _schema(name, model.model_json_schema(mode="serialization", schema_generator=_Plain))
        for name, model in _versioned({EVENT_DOCUMENT: EventDocument, OUTCOME: Outcome})
    }
    return {name: _promise(schema) for name, schema in (whole | sparing).items()}


def schema_name(name: str) -> str:
    """Return the name of the schema of a command, an event, or one of the envelopes; of an event, it is its `type`."""
    return names.event_type(name)


def _versioned(contracts: Any) -> list[tuple[str, type[BaseModel]]]:
    return [(schema_name(name), contract) for name, contract in contracts.items()]


def _schema(name: str, made: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": names.schema_address(name), **made}


def _promise(schema: Schema) -> Schema:
    """Return `schema`, open to further fields and without limits."""
    kept = {key: _inner(key, value) for key, value in schema.items() if key not in _LIMITS}
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]
    return kept


def _inner(key: str, value: Any) -> Any:
    match value:
        case dict() if key in ("properties", "$defs"):
            return {name: _promise(schema) for name, schema in value.items()}
        case dict():
            return _promise(value)
        case list():
            return [_promise(item) if isinstance(item, dict) else item for item in value]
        case _:
            return value
