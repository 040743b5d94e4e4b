"""The fields of a job group that a filter may name, and what each operator means on them in SQL."""

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

from pydantic.alias_generators import to_camel
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Text,
    and_,
    any_,
    cast,
    collate,
    false,
    func,
    literal,
    not_,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB

from models.contract import storable_text
from models.fields import Priority
from models.lifecycle import Counts, Status
from models.store.filter_values import Reader, boolean, identifier, instant, integer, member_of, scalar, text
from models.store.tables import job_groups

Condition = ColumnElement[bool]
Comparison = Callable[[Any, Any], Condition]

EQUALITY = ("$eq", "$ne", "$in", "$nin", "$exists", "$not")
ORDER = ("$gt", "$gte", "$lt", "$lte")
CONTAINMENT = ("$contains",)

MAX_METADATA_KEYS = 10
"""Keys in one metadata path."""


def unless(condition: Condition) -> Condition:
    """Return what holds wherever `condition` does not, nulls included: NOT alone would leave them out of both."""
    return not_(func.coalesce(condition, false(), type_=Boolean))


@dataclass(frozen=True)
class Field:
    """A column, how values for it are read, and which operators it has.

    A condition is NULL or false where the column is null, save for `equals(None)` and a None in `one_of`.
    """

    accepts_lists: ClassVar[bool] = False
    column: ColumnElement[Any]
    read: Reader
    operators: tuple[str, ...]

    def equals(self, value: Any) -> Condition:
        return self.column.is_(None) if value is None else self.column == value

    def one_of(self, values: list[Any]) -> Condition:
        present = [value for value in values if value is not None]
        # One array parameter: the statement is the same, and prepared once, for any number of values.
        found = self.column == any_(literal(present, ARRAY(self.column.type)))
        return or_(found, self.column.is_(None)) if None in values else found

    def compares(self, comparison: Comparison, value: Any) -> Condition:
        return comparison(self.column, value)

    def contains(self, value: Any) -> Condition:
        return _has_part(self.column, value)

    def exists(self) -> Condition:
        return self.column.is_not(None)


@dataclass(frozen=True)
class TagsField(Field):
    """A set of texts, never null: to equal null, or not to exist, is to be empty. A list means all of them."""

    accepts_lists = True

    def equals(self, value: Any) -> Condition:
        return unless(self.exists()) if value is None else self.contains(value)

    def one_of(self, values: list[Any]) -> Condition:
        present = [value for value in values if value is not None]
        overlap = self.column.bool_op("&&")(literal(present, ARRAY(Text)))
        return or_(overlap, unless(self.exists())) if None in values else overlap

    def contains(self, value: Any) -> Condition:
        wanted = value if isinstance(value, list) else [value]
        return self.column.bool_op("@>")(literal(wanted, ARRAY(Text)))

    def exists(self) -> Condition:
        return func.cardinality(self.column) > 0


@dataclass(frozen=True)
class MetadataField(Field):
    """The value at a path of keys through the objects in `metadata`; arrays are not walked into."""

    keys: tuple[str, ...]

    def equals(self, value: Any) -> Condition:
        return self.one_of([value])

    def one_of(self, values: list[Any]) -> Condition:
        # Containment alone is what the index serves; the exact comparison states what is meant.
        nested = job_groups.c.metadata.bool_op("@>")(any_(_jsonb_array([self._nest(value) for value in values])))
        found = and_(nested, self.column == any_(_jsonb_array(values)))
        return or_(found, self.column.is_(None)) if None in values else found

    def compares(self, comparison: Comparison, value: Any) -> Condition:
        if isinstance(value, bool):
            raise ValueError("must be a number or a string")
        kind = "string" if isinstance(value, str) else "number"
        return and_(func.jsonb_typeof(self.column) == kind, comparison(self.column, _jsonb(value)))

    def contains(self, value: Any) -> Condition:
        in_array = job_groups.c.metadata.bool_op("@>")(_jsonb(self._nest([value])))
        return or_(in_array, self._text_has(value)) if isinstance(value, str) else in_array

    def _text_has(self, part: str) -> Condition:
        content = _walk(self.keys[:-1]).op("->>", return_type=Text())(literal(self.keys[-1], Text))
        return and_(func.jsonb_typeof(self.column) == "string", _has_part(content, part))

    def _nest(self, value: Any) -> Any:
        return reduce(lambda inner, key: {key: inner}, reversed(self.keys), value)


def _has_part(content: ColumnElement[Any], part: str) -> Condition:
    # A collation of every server, so that case is ignored in all letters, whatever locale the database was made with.
    return collate(content, "pg_unicode_fast").icontains(part, autoescape=True)


def _walk(keys: tuple[str, ...]) -> ColumnElement[Any]:
    """`->` with a text key sees objects only; `#>` and subscripts would take "0" for a place in an array."""
    start: ColumnElement[Any] = job_groups.c.metadata
    return reduce(lambda node, key: node.op("->", return_type=JSONB())(literal(key, Text)), keys, start)


def _jsonb(value: Any) -> ColumnElement[Any]:
    return cast(literal(json.dumps(value), Text), JSONB)


def _jsonb_array(values: list[Any]) -> ColumnElement[Any]:
    return cast(literal([json.dumps(value) for value in values], ARRAY(Text)), ARRAY(JSONB))


_columns = job_groups.c
_counts: dict[str, ColumnElement[Any]] = {bucket: _columns[f"{bucket}_count"] for bucket in Counts.__slots__}
_total = reduce(operator.add, _counts.values())

_TEXTS = {
    "name": _columns.name,
    "description": _columns.description,
    "batchNumber": _columns.batch_number,
    "template": _columns.template,
    "createdBy": _columns.created_by,
    "assignedTo": _columns.assigned_to,
}
_INTEGERS = {
    "version": _columns.version,
    "generation": _columns.generation,
    "counts.total": _total,
    **{f"counts.{to_camel(bucket)}": column for bucket, column in _counts.items()},
}
_INSTANTS = {
    "createdAt": _columns.created_at,
    "updatedAt": _columns.updated_at,
    "startedAt": _columns.started_at,
    "pausedAt": _columns.paused_at,
    "finishedAt": _columns.finished_at,
    "expiresAt": _columns.expires_at,
}

FIELDS: dict[str, Field] = {
    "id": Field(_columns.id, identifier, EQUALITY + ORDER),
    "status": Field(_columns.status, member_of(Status), EQUALITY),
    # Ordered by urgency: the column is a database enum.
    "priority": Field(_columns.priority, member_of(Priority), EQUALITY + ORDER),
    "tags": TagsField(_columns.tags, text, EQUALITY + CONTAINMENT),
    "sealed": Field(_columns.sealed, boolean, EQUALITY),
    **{name: Field(column, text, EQUALITY + ORDER + CONTAINMENT) for name, column in _TEXTS.items()},
    **{name: Field(column, integer, EQUALITY + ORDER) for name, column in _INTEGERS.items()},
    **{name: Field(column, instant, EQUALITY + ORDER) for name, column in _INSTANTS.items()},
}
"""The fields by their names on the wire; `metadata.KEY` is one too, see :func:`field_named`."""

_UNKNOWN = f"unknown field; known are {', '.join(FIELDS)}, metadata.KEY, $and, $or, $not"
_BAD_PATH = f"must be metadata.KEY, where KEY is 1 to {MAX_METADATA_KEYS} keys joined by dots"


def field_named(name: str) -> Field:
    """Return the field that `name` means on the wire; raises ValueError, saying which there are, if it means none."""
    if name == "metadata" or name.startswith("metadata."):
        return _metadata_field(tuple(name.split(".")[1:]))
    if name not in FIELDS:
        raise ValueError(_UNKNOWN)
    return FIELDS[name]


def _metadata_field(keys: tuple[str, ...]) -> MetadataField:
    if not all(keys) or not 1 <= len(keys) <= MAX_METADATA_KEYS:
        raise ValueError(_BAD_PATH)
    return MetadataField(_walk(tuple(map(storable_text, keys))), scalar, EQUALITY + ORDER + CONTAINMENT, keys)
