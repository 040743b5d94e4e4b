"""The values in a filter, from JSON to what the database compares with.

Each reader returns the value to bind, or raises ValueError with a message that says what is allowed.
"""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from models.contract import storable_json, storable_text

Reader = Callable[[Any], Any]

MIN_INTEGER = -(2**31)
MAX_INTEGER = 2**31 - 1

# `fromisoformat` reads all of ISO 8601, week dates included; the wire knows RFC 3339 only.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_BAD_INSTANT = "must be an RFC 3339 date and time with an offset, for instance 2026-01-31T09:30:00Z"


def text(value: Any) -> str:
    """Read a string."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return storable_text(value)


def integer(value: Any) -> int:
    """Read an integer that fits PostgreSQL's `integer`, 32 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_INTEGER <= value <= MAX_INTEGER:
        raise ValueError(f"must be an integer from {MIN_INTEGER} to {MAX_INTEGER}")
    return value


def boolean(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def instant(value: Any) -> datetime:
    """Read an RFC 3339 date and time with its offset."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError(_BAD_INSTANT)
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError(_BAD_INSTANT) from None


def identifier(value: Any) -> UUID:
    """Read a UUID."""
    try:
        return UUID(text(value))
    except ValueError:
        raise ValueError("must be a UUID") from None


def member_of(members: type[StrEnum]) -> Reader:
    """Return the reader of one of `members`."""

    def member(value: Any) -> StrEnum:
        try:
            return members(value)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(members)}") from None

    return member


def scalar(value: Any) -> Any:
    """Read a JSON value that is neither an object nor an array."""
    if isinstance(value, dict | list):
        raise ValueError("must be a string, a number, true, false or null")
    return storable_json(value)
