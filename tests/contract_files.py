"""What is in docs/contracts/, made from the code; and what the code may no longer make of it.

`python -m tests.contract_files` writes the files, unless that would break a promise.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from jsonschema_rs import canonicalize
from jsonschema_rs.canonical import Containment

from api_stub import asyncapi
from api_stub.app import create_app
from models.schemas import Schema, given, taken
from settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "contracts"
SCHEMAS = FOLDER / "schemas"


def documents() -> dict[Path, dict[str, Any]]:
    """Return every file as the code makes it, by its path."""
    nowhere = Settings(database_url="postgresql://none/none", broker_url="redis://none", redis_url="redis://none")
    schemas = {SCHEMAS / f"{name}.json": schema for name, schema in (taken() | given()).items()}
    return {
        FOLDER / "openapi.json": create_app(nowhere).openapi(),
        FOLDER / "asyncapi.json": asyncapi.document(),
        **schemas,
    }


def text_of(document: dict[str, Any]) -> str:
    """Return `document` as it is written into its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def published() -> dict[str, Schema]:
    """Return the schemas in docs/contracts/, by name."""
    return {file.stem: json.loads(file.read_text()) for file in SCHEMAS.glob("*.json")}


def broken_promises(old: Mapping[str, Schema]) -> Iterator[str]:
    """Say what of `old`, which was published, the code does not keep."""
    made = taken() | given()
    for name, schema in sorted(old.items()):
        if name not in made:
            yield f"{name} was published and is gone: whoever sends or reads it is still there"
        elif not keeps(schema, made[name], given=name in given()):
            difference = "\n".join(unified_diff(_lines(schema), _lines(made[name]), "published", "made", lineterm=""))
            yield f"{name} was published. Leave it as it is; what is new takes a version of its own:\n{difference}"


def keeps(old: Schema, new: Schema, *, given: bool) -> bool:
    """Return whether all that was true under `old` is true under `new`.

    What subscribers are given must fit what they were promised; what senders write must be taken as before. Anything
    that cannot be proved counts as broken.
    """
    promised, made = _canonical(old), _canonical(new if given else _without_new_names(new, old))
    wide, narrow = (promised, made) if given else (made, promised)
    return wide.covers(narrow) == Containment.YES


def _canonical(schema: Schema) -> Any:
    return canonicalize(schema, validate_formats=True)


def _without_new_names(new: Schema, old: Schema) -> Schema:
    """Return `new` without the names that it takes from those that senders could choose in settings.

    By the letter a new setting is a breaking change: somebody may have used its name for something else. The README of
    the contracts says that unknown names there are the service's to take.
    """
    before = old.get("$defs", {})
    definitions = {name: _as_before(schema, before.get(name, {})) for name, schema in new.get("$defs", {}).items()}
    return {**new, "$defs": definitions}


def _as_before(new: Schema, old: Schema) -> Schema:
    if not (old.get("additionalProperties") is True and "properties" in old and "properties" in new):
        return new
    return {
        **new,
        "properties": {name: new["properties"][name] for name in new["properties"].keys() & old["properties"]},
    }


def _lines(schema: Schema) -> list[str]:
    return text_of(schema).splitlines()


def main() -> None:
    """Write the files."""
    if broken := list(broken_promises(published())):
        sys.exit("\n".join(broken))
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    for path, document in documents().items():
        path.write_text(text_of(document))


if __name__ == "__main__":
    main()
