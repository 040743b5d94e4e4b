"""How values are told to people."""

from urllib.parse import parse_qs

import pytest

from api_stub.console.board import BoardQuery
from api_stub.console.wording import count, figure, mark, percent, sentence, tally
from models.lifecycle import Counts, Status


def test_a_hundred_percent_is_said_of_all_jobs_only() -> None:
    assert percent(Counts(succeeded=9_999, queued=1)) == 99
    assert percent(Counts(succeeded=9_999, failed=1)) == 100
    assert percent(Counts()) == 0


def test_a_bar_is_told_in_words() -> None:
    counts = Counts(succeeded=12_000, needs_review=1, queued=2)
    assert tally(counts) == "12\u202f000 succeeded, 1 needs review, 2 queued"
    assert tally(Counts()) == ""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "—"),
        (0, "0"),
        (0.0, "0"),
        (0.01, "< 0.1"),
        (0.5, "0.5"),
        (9.96, "10.0"),
        (12.4, "12"),
        (12_345, "12\u202f345"),
    ],
)
def test_a_figure_has_as_many_digits_as_say_something(value: float | None, told: str) -> None:
    assert figure(value) == told


def test_a_sentence_keeps_the_spelling_of_names() -> None:
    assert sentence("redis and PostgreSQL") == "Redis and PostgreSQL"
    assert sentence("") == ""


@pytest.mark.parametrize(("value", "told"), [(0.5, "0.5"), (5.0, "5"), (2.5, "2.5"), (20_000, "20\u202f000")])
def test_a_scale_has_round_numbers(value: float, told: str) -> None:
    assert mark(value) == told


def test_thousands_are_apart() -> None:
    assert count(1_234_567) == "1\u202f234\u202f567"


def test_an_address_tells_what_is_not_as_it_would_be_anyway() -> None:
    asked = BoardQuery(search="a&b", status=Status.FAILED, cursor="x")
    assert parse_qs(asked.query().removeprefix("?")) == {"search": ["a&b"], "status": ["failed"], "cursor": ["x"]}
    assert asked.query(search="", status="", cursor="") == ""
    assert asked.at("cursor", None) is None
    assert "cursor=y" in (asked.at("cursor", "y") or "")
