"""The pages of the reference that tell what commands and events hold, made from their contracts."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from models.events import EVENTS
from models.lifecycle import LEGAL, Status
from models.names import HANDLE_BATCH
from models.schemas import PUBLIC_COMMANDS, CommandBatch, schema_name
from tests.docs.tables import Rows, table

HEAD = ("field", "type", "meaning")


def commands_page() -> str:
    sections = (command_section(type_, contract) for type_, contract in PUBLIC_COMMANDS.items())
    return f"""# Commands

A command's name is the name of its Celery task and the `type` of its plain JSON document; its data is below. A field in
**bold** must be there. What follows from a command is in [the state machine](../state_machine.md).

{"".join(sections)}## `{HANDLE_BATCH}`

{CommandBatch.__doc__}

{table(HEAD, fields_of(CommandBatch.model_json_schema()))}
{_schema_link(HANDLE_BATCH)}

## Parts of commands

{"".join(parts()).rstrip()}
"""


def parts() -> Iterator[str]:
    """Give a section for each object that commands hold."""
    contracts = (*PUBLIC_COMMANDS.values(), CommandBatch)
    definitions = {name: part for each in contracts for name, part in each.model_json_schema().get("$defs", {}).items()}
    for name, part in definitions.items():
        if "properties" in part:
            told = " ".join(part.get("description", "").split())
            yield f"### {name}\n\n{told}\n\n{table(HEAD, fields_of(part))}\n".replace("\n\n\n\n", "\n\n")


def command_section(type_: str, contract: Any) -> str:
    return f"""## `{type_}`

{_paragraph(contract)}

{_legal(type_)}

{table(HEAD, fields_of(contract.model_json_schema()))}
{_schema_link(type_)}

"""


def _legal(type_: str) -> str:
    if type_ not in LEGAL:
        return "Legal where there is no group of that id, nor ever was."
    if LEGAL[type_] == frozenset(Status):
        return "Legal in every status."
    return f"Legal where the group is {', '.join(f'`{status}`' for status in Status if status in LEGAL[type_])}."


def events_page() -> str:
    sections = (event_section(name, event) for name, event in EVENTS.items())
    return (
        f"""# Events

An event's name is its routing key; `job.dispatched` carries the group's priority behind it: `job.dispatched.high`. Its
CloudEvents `type` is `ocr_invoice.NAME.v1`, its data is below. Every field is there in every event of the type, if only
as `null`; a version may gain some, so ignore those that you do not know.

{"".join(sections)}""".rstrip()
        + "\n"
    )


def event_section(name: str, event: Any) -> str:
    schema = {**event.model_json_schema(mode="serialization"), "required": []}
    return f"""## `{name}`

{_paragraph(event)}

{table(HEAD, fields_of(schema, linked=False))}
{_schema_link(name)}

"""


def fields_of(schema: Mapping[str, Any], *, linked: bool = True) -> Rows:
    """Give a row for each field; what is an object leads to its own section where it is `linked`."""
    definitions = schema.get("$defs", {})
    for name, field in schema["properties"].items():
        named = f"**`{name}`**" if name in schema.get("required", []) else f"`{name}`"
        type_ = _type(field, definitions)
        yield named, type_ if linked else re.sub(r"\[(\w+)\]\(.*?\)", "object", type_), _meaning(field)


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    match field:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            enumerated = name in definitions and "enum" in definitions[name]
            return _type(definitions[name], definitions) if enumerated else f"[{name}](#{name.lower()})"
        case {"anyOf": list(each)} | {"oneOf": list(each)}:
            return " or ".join(dict.fromkeys(_type(one, definitions) for one in each))
        case {"enum": list(values)}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": "array", "items": dict(item)}:
            return f"list{_limits(field, 'minItems', 'maxItems')} of {_type(item, definitions)}"
        case _:
            return _plain_type(field)


def _plain_type(field: Mapping[str, Any]) -> str:
    match field:
        case {"type": "string", "format": str(form)}:
            return {"uuid": "UUID", "date-time": "time"}.get(form, form)
        case {"type": "string"}:
            return f"text{_limits(field, '', 'maxLength', ' characters')}"
        case {"type": str(name)}:
            named = {"integer": "whole number", "boolean": "true or false"}.get(name, name)
            return named + _limits(field, "minimum", "maximum")
        case _:
            return "any"


def _limits(field: Mapping[str, Any], least: str, most: str, unit: str = "") -> str:
    over = field.get("exclusiveMinimum")
    limits = [
        f"more than {over:g}" if over is not None else "",
        f"at least {field[least]:g}" if least in field else "",
        f"at most {field[most]:.15g}" if most in field else "",
    ]
    told = ", ".join(filter(None, limits))
    return f" ({told}{unit})" if told else ""


def _meaning(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    told = "" if default in (None, []) or isinstance(default, dict) else f"`{json.dumps(default)}` where absent"
    return "; ".join(filter(None, (field.get("description", ""), told)))


def _paragraph(contract: Any) -> str:
    return " ".join((contract.__doc__ or "").split())


def _schema_link(name: str) -> str:
    return f"[JSON Schema](../contracts/schemas/{schema_name(name)}.json)"
