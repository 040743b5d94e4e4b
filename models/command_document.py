"""A command as a plain JSON document, for producers in any language: a CloudEvents 1.0 event in the JSON format."""

import json
from typing import Any, Literal, NoReturn

from pydantic import ConfigDict, Field, ValidationError

from models.commands import CommandEnvelope, CommandId, OutcomeChannel, ShortId
from models.contract import Request
from models.errors import ValidationFailed
from models.json_faults import fault_of_json


class UnreadableDocument(Exception):  # noqa: N818 - it describes the document
    """The bytes are no command document; the message says what is wrong with them."""


class CommandDocument(Request):
    """`type` names the command, `id` is the command's id, `data` its data. Other CloudEvents attributes are ignored."""

    # CloudEvents attribute names are lower case without separators, and anybody may add extensions.
    model_config = ConfigDict(alias_generator=None, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: CommandId
    type: ShortId
    data: dict[str, Any]
    actor: ShortId | None = None
    correlationid: ShortId | None = None
    traceparent: ShortId | None = None
    replyto: OutcomeChannel | None = Field(None, description="the Redis channel on which the outcome is announced")


def read_document(raw: bytes) -> CommandEnvelope:
    """Return the command in `raw`; raises UnreadableDocument naming each wrong attribute."""
    try:
        document = CommandDocument.model_validate(json.loads(raw, parse_constant=_refuse_constant))
    except ValidationError as error:
        raise UnreadableDocument(ValidationFailed.of(error).detail) from None
    except (ValueError, RecursionError) as error:
        raise UnreadableDocument(f"the document {fault_of_json(error)}") from None
    return CommandEnvelope(
        id=document.id,
        type=document.type,
        data=document.data,
        actor=document.actor,
        correlation_id=document.correlationid,
        traceparent=document.traceparent,
        reply_to=document.replyto,
    )


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
