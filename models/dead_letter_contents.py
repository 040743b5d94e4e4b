"""What a dead letter's message asks, and of whom it came: as far as that can be read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from models import names
from models.command_document import UnreadableDocument, read_document
from models.commands import COMMANDS, MAX_COMMAND_BYTES, CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason

UNKNOWN_TYPE = "unknown"
TASK_MESSAGES = {
    DeadLetterReason.UNDECODABLE,
    DeadLetterReason.INVALID_MESSAGE,
    DeadLetterReason.UNKNOWN_TASK,
    DeadLetterReason.DELIVERY_LIMIT,
}
"""Where the body is what the broker delivered. Else the service wrote it: an item of a batch, or a list of them."""

_ATTRIBUTES = ("id", "type", "actor", "correlationId", "traceparent", "replyTo")


@dataclass(frozen=True, slots=True)
class Contents:
    """`commands` can be carried out as they are. Of each of the `fragments` no more is known than who asked: it has no
    data."""

    commands: Sequence[CommandEnvelope] = ()
    fragments: Sequence[CommandEnvelope] = ()

    @property
    def envelopes(self) -> Sequence[CommandEnvelope]:
        """Everybody who can be answered."""
        return [*self.commands, *self.fragments]


def contents_of(letter: DeadLetter) -> Contents:
    """Return the commands in `letter`, and what is left of others."""
    commands, fragments = [], []
    for item in _items(letter):
        if command := _command(letter, item):
            commands.append(command)
        elif fragment := _fragment(item):
            fragments.append(fragment)
    return Contents(commands, fragments)


def task_item(headers: Mapping[str, Any], args: Sequence[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return as an item of a batch the command that a Celery client sent as a task of its own.

    A positional argument has no name in the command's contract; it is refused there, by the name `args`.
    """
    extras = {name: headers[name] for name in _ATTRIBUTES if headers.get(name)}
    return {**extras, "data": {**data, "args": args} if args else data}


def _items(letter: DeadLetter) -> Sequence[Any]:
    body = _json(letter.body)
    if letter.source != names.INTAKE and letter.reason in TASK_MESSAGES:
        return items_of_task(letter.headers, body)
    return body if isinstance(body, list) else [body]


def items_of_task(headers: Mapping[str, Any], body: Any) -> Sequence[Any]:
    """Return the commands in a task message, as items of a batch.

    The id of a batch is no command's, and nobody waits for it.
    """
    own = headers.get("headers")
    told = {**headers, **(own if isinstance(own, dict) else {}), "id": headers.get("id"), "type": headers.get("task")}
    match told["type"], body:
        case names.HANDLE_BATCH, [list(), {"commands": list(commands)}, *_]:
            return commands
        case names.HANDLE_BATCH, _:
            return []
        case _, [list(args), dict(data), *_]:
            return [task_item(told, args, data)]
        case _:
            return [told]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _command(letter: DeadLetter, item: Any) -> CommandEnvelope | None:
    try:
        envelope = read_document(letter.body) if letter.source == names.INTAKE else CommandEnvelope.model_validate(item)
        fits = envelope.type in COMMANDS and len(envelope.canonical) <= MAX_COMMAND_BYTES
    except (ValidationError, UnreadableDocument, RecursionError):
        return None
    return envelope if fits else None


def _fragment(item: Any) -> CommandEnvelope | None:
    """Whoever can be named is answered: what is wrong besides the id is left out."""
    if not isinstance(item, dict):
        return None
    # CloudEvents spells its attributes in lower case.
    told = {name: item.get(name) or item.get(name.lower()) for name in _ATTRIBUTES}
    try:
        return CommandEnvelope.model_validate({**told, "data": {}})
    except ValidationError as error:
        wrong = {found["loc"][0] for found in error.errors()}
    if "id" in wrong:
        return None
    known = {name: value for name, value in told.items() if name not in wrong}
    return CommandEnvelope.model_validate({"type": UNKNOWN_TYPE, **known, "data": {}})
