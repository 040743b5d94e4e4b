"""Cursors: a place in a list as text, which whoever read one page hands back for the next."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, DateTime, Double, Enum, Integer, Text, Uuid
from sqlalchemy.types import TypeEngine

from models.contract import storable_json
from models.errors import FieldError, ValidationFailed
from models.fields import Priority
from models.store.filter_values import Reader, identifier, instant, integer, member_of, text
from models.store.sorting import Order

MAX_CURSOR_LENGTH = 4096
"""Characters. The longest text that a list is sorted by has 200 of up to four bytes."""

_SEAL_BYTES = 8
NOT_OF_THIS_LIST = "is not of this list with this sort, order, filter and search; begin without it"


@dataclass(frozen=True, slots=True)
class Place:
    """The row of a list whose values these are in the columns of the list's order; it need not exist any more.

    What is looked for comes after it, or before it, the nearest first, where `backwards` says so.
    """

    values: tuple[Any, ...]
    backwards: bool = False


def write_cursor(place: Place, asked: Sequence[str | None]) -> str:
    """Return the cursor for `place` in the list that was asked for with the texts in `asked`."""
    return _sealed(orjson.dumps([place.backwards, *place.values]), asked)


def read_cursor(cursor: str, order: Order, asked: Sequence[str | None]) -> Place:
    """Return the place that `cursor` was written for; raises ValidationFailed naming `cursor` if it is of another list,
    or of none."""
    try:
        content = urlsafe_b64decode(cursor.encode("ascii") + b"==")[_SEAL_BYTES:]
        if _sealed(content, asked) != cursor:
            raise ValueError(NOT_OF_THIS_LIST)
        backwards, *values = orjson.loads(content)
        return Place(_read_values(values, order), bool(backwards))
    except (ValueError, TypeError):
        raise ValidationFailed([FieldError(field="cursor", message=NOT_OF_THIS_LIST)]) from None


def _sealed(content: bytes, asked: Sequence[str | None]) -> str:
    """A checksum and no signature: who makes up a place is shown nothing that the list would not show."""
    told = orjson.dumps(list(asked)) + content
    seal = blake2b(told, digest_size=_SEAL_BYTES).digest()
    return urlsafe_b64encode(seal + content).rstrip(b"=").decode()


def _read_values(values: Sequence[Any], order: Order) -> tuple[Any, ...]:
    if None in values[order.has_nulls :]:
        raise ValueError(NOT_OF_THIS_LIST)
    return tuple(_read_value(value, column) for value, column in zip(values, order.columns, strict=True))


def _read_value(value: Any, column: Column[Any]) -> Any:
    return None if value is None else _READERS[type(column.type)](value)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(NOT_OF_THIS_LIST)
    return storable_json(value)


_READERS: dict[type[TypeEngine[Any]], Reader] = {
    DateTime: instant,
    Uuid: identifier,
    Text: text,
    Integer: integer,
    BigInteger: _number,
    Double: _number,
    Enum: member_of(Priority),
}
