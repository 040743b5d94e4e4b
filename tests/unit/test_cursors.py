"""Cursors: what was written is read, and nothing else is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from models.errors import ValidationFailed
from models.fields import Priority
from models.store.cursors import NOT_OF_THIS_LIST, Place, read_cursor, write_cursor
from models.store.sorting import Order, group_order, job_order
from models.store.tables import events

ASKED = ("groups", "name", "desc", None, "lyon")
MADE = datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
ID = UUID("0186071a-5d40-7000-8000-000000000001")
PLACE = Place(("March, \u00e9t\u00e9 \U0001f9fe", MADE, ID))


def refusal_of(cursor: str, order: Order | None = None, asked: tuple[str | None, ...] = ASKED) -> str:
    with pytest.raises(ValidationFailed) as refused:
        read_cursor(cursor, order or group_order("name", "desc"), asked)
    [error] = refused.value.facts["errors"]
    assert error.message == NOT_OF_THIS_LIST
    return error.field


@pytest.mark.parametrize(
    ("order", "values"),
    [
        (group_order("name", "asc"), PLACE.values),
        (group_order("finishedAt", "asc"), (None, MADE, ID)),
        (group_order("priority", "desc"), (Priority.HIGH, MADE, ID)),
        (group_order("version", "desc"), (7, MADE, ID)),
        (group_order("id", "asc"), (ID,)),
        (group_order("createdAt", "asc"), (MADE, ID)),
        (job_order("confidence", "asc"), (0.1 + 0.2, ID)),
        (Order((events.c.position,), descending=False), (2**40,)),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_place_is_read_as_it_was_written(order: Order, values: tuple[Any, ...], backwards: bool) -> None:
    place = Place(values, backwards)
    assert read_cursor(write_cursor(place, ASKED), order, ASKED) == place


def test_a_cursor_with_any_character_changed_is_refused() -> None:
    cursor = write_cursor(PLACE, ASKED)
    for position, character in enumerate(cursor):
        changed = cursor[:position] + ("A" if character != "A" else "B") + cursor[position + 1 :]
        assert refusal_of(changed) == "cursor"


@pytest.mark.parametrize(
    "cursor", ["", "x", "garbage", "=", "AAAA" * 4, "\u00e9t\u00e9", " ", "a b", "%00", "eyJhIjoxfQ==" * 300]
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    assert refusal_of(cursor) == "cursor"


@pytest.mark.parametrize("place", range(len(ASKED)))
def test_a_cursor_is_good_for_what_was_asked_only(place: int) -> None:
    other = (*ASKED[:place], "other", *ASKED[place + 1 :])
    assert refusal_of(write_cursor(PLACE, ASKED), asked=other) == "cursor"


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("March", MADE),
        ("March", MADE, ID, ID),
        (None, MADE, ID),
        ("March", None, ID),
        (5, MADE, ID),
        ("U+0000: \0", MADE, ID),
        ("March", "yesterday", ID),
        ("March", MADE, "0"),
        ([], MADE, ID),
    ],
)
def test_a_place_that_no_row_can_have_is_refused_whoever_sealed_it(values: tuple[Any, ...]) -> None:
    assert refusal_of(write_cursor(Place(values), ASKED)) == "cursor"


@pytest.mark.parametrize("version", [2**31, -(2**31) - 1, True, 1.5, "1", None])
def test_a_number_that_the_column_cannot_have_is_refused(version: object) -> None:
    cursor = write_cursor(Place((version, MADE, ID)), ASKED)
    assert refusal_of(cursor, group_order("version", "asc")) == "cursor"
