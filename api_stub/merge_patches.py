"""The schema of JSON merge patches (RFC 7396) of an object, made from the object's own."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def merge_patch_of(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return `schema` with every member optional, and null, which removes, wherever leaving out is allowed.

    Objects within it, which `definitions` has by name, are patched member by member; lists are replaced whole.
    """
    required = schema.get("required", ())
    members = {
        name: _member(member, definitions, removable=name not in required)
        for name, member in schema["properties"].items()
    }
    return {key: value for key, value in schema.items() if key != "required"} | {"properties": members}


def _member(schema: Schema, definitions: Mapping[str, Schema], *, removable: bool) -> Schema:
    target = definitions.get(schema.get("$ref", "").rpartition("/")[2], {})
    patch = merge_patch_of(target, definitions) if "properties" in target else schema
    return {"anyOf": [patch, {"type": "null"}]} if removable else patch
