"""The writable fields of a group as options of a command, and the JSON that they make."""

import inspect
import json
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any

import typer

from models.fields import JobGroupFields, Priority

_NAMES = {name: str(field.alias) for name, field in JobGroupFields.model_fields.items()}


def _object(written: str) -> dict[str, Any]:
    try:
        value = json.loads(written)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter('must be a JSON object, for instance {"name": "March"}')
    return value


def _field(written: str) -> str:
    if written not in _NAMES.values():
        raise typer.BadParameter(f"there is no field {written!r}; there are {', '.join(_NAMES.values())}")
    return written


Unset = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="FIELD", parser=_field, help="Back to its default; again for each."),
]

_OPTIONS: dict[str, Any] = {
    "name": Annotated[str | None, typer.Option(help="What to call the group.")],
    "template": Annotated[str | None, typer.Option(help="The OCR template that fits the batch's documents.")],
    "description": Annotated[str | None, typer.Option(help="What the batch is, in words.")],
    "batch_number": Annotated[str | None, typer.Option(help="The batch's number in your books.")],
    "priority": Annotated[Priority | None, typer.Option(help="How soon its jobs are dispatched.")],
    "tags": Annotated[list[str] | None, typer.Option("--tag", help="Again for each; together they are all its tags.")],
    "metadata": Annotated[
        list[str] | None, typer.Option("--metadata", metavar="KEY=VALUE", help="A text of yours; again for each.")
    ],
    "processing_settings": Annotated[
        dict[str, Any] | None,
        typer.Option("--settings", metavar="JSON", parser=_object, help='How it is worked: {"maxAttempts": 5}.'),
    ],
    "notifications": Annotated[
        dict[str, Any] | None,
        typer.Option("--notifications", metavar="JSON", parser=_object, help='Who is told: {"channels": […]}.'),
    ],
    "created_by": Annotated[str | None, typer.Option(help="Who made it.")],
    "assigned_to": Annotated[str | None, typer.Option(help="Whose it is.")],
    "file": Annotated[
        typer.FileText | None,
        typer.Option(encoding="utf-8", help="All these as a JSON object; - is standard input. Options beside it win."),
    ],
}


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for every writable field; it gets those that are used, by their names on the wire, as
    its first argument."""

    @wraps(command)
    def run(**given: Any) -> None:
        options = {name: given.pop(name) for name in _OPTIONS}
        command(_fields_in(options.pop("file"), options), **given)

    own = list(inspect.signature(command).parameters.values())[1:]
    taken = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=_OPTIONS[name]) for name in _OPTIONS]
    arguments = [each for each in own if each.default is Parameter.empty]
    options = [each for each in own if each.default is not Parameter.empty]
    signature = inspect.Signature([p.replace(kind=Parameter.KEYWORD_ONLY) for p in (*arguments, *taken, *options)])
    run.__signature__ = signature  # type: ignore[attr-defined] # what typer reads
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return run


def _fields_in(file: typer.FileText | None, options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value not in (None, [], ())}
    if "metadata" in given:
        given["metadata"] = dict(_pairs(given["metadata"]))
    return (_read(file) if file else {}) | {_NAMES[name]: value for name, value in given.items()}


def _read(file: typer.FileText) -> dict[str, Any]:
    try:
        return _object(file.read())
    except UnicodeDecodeError:
        raise typer.BadParameter("the file must be UTF-8") from None


def _pairs(written: Iterable[str]) -> Iterable[tuple[str, str]]:
    for each in written:
        key, equals, value = each.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"--metadata {each!r} is not KEY=VALUE")
        yield key, value
