"""What request headers ask."""

import pytest

from api_stub.headers import (
    Preference,
    none_match,
    parse_idempotency_key,
    parse_if_match,
    parse_prefer,
    parse_traceparent,
    sane_id,
)
from api_stub.problems import Problem

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "preference"),
    [
        (None, Preference()),
        ("", Preference()),
        ("respond-async", Preference(respond_async=True)),
        ("Respond-Async", Preference(respond_async=True)),
        ("wait=0", Preference(wait_seconds=0)),
        ('wait="7"', Preference(wait_seconds=7)),
        ("wait = 7", Preference(wait_seconds=7)),
        ("wait=61", Preference(wait_seconds=60)),
        ("wait=5, wait=9", Preference(wait_seconds=5)),
        (" respond-async ,wait=3", Preference(respond_async=True, wait_seconds=3)),
        ("return=minimal, wait=-3, wait=1.5, wait", Preference()),
    ],
)
def test_prefer(header: str | None, preference: Preference) -> None:
    assert parse_prefer(header) == preference


@pytest.mark.parametrize(
    ("preference", "seconds"),
    [
        (Preference(), 10.0),
        (Preference(respond_async=True), 0.0),
        (Preference(wait_seconds=0), 0),
        (Preference(respond_async=True, wait_seconds=4), 4),
    ],
)
def test_the_wait_for_an_outcome(preference: Preference, seconds: float) -> None:
    assert preference.wait(default_seconds=10.0) == seconds


def test_what_of_a_preference_was_honoured() -> None:
    assert Preference().applied(answered_early=True) is None
    assert Preference(respond_async=True).applied(answered_early=False) is None
    assert Preference(respond_async=True).applied(answered_early=True) == "respond-async"
    assert Preference(wait_seconds=4).applied(answered_early=False) == "wait=4"
    assert Preference(True, 4).applied(answered_early=True) == "respond-async, wait=4"


@pytest.mark.parametrize(("header", "version"), [(None, None), ("*", None), (" * ", None), ('"1"', 1), (' "42" ', 42)])
def test_if_match(header: str | None, version: int | None) -> None:
    assert parse_if_match(header) == version


@pytest.mark.parametrize(
    "header", ["", "1", '"0"', '"01"', 'W/"1"', '"1","2"', '"-1"', '"x"', '"٣"', '"' + "9" * 30 + '"']
)
def test_an_if_match_that_names_no_version(header: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_if_match(header)
    assert refused.value.code == "malformed_header"


@pytest.mark.parametrize(
    ("header", "differs"),
    [(None, True), ('"1"', False), ('W/"1"', False), ('"2", "1"', False), ("*", False), ('"2"', True), ("1", True)],
)
def test_if_none_match(header: str | None, differs: bool) -> None:
    assert none_match(header, '"1"') is differs


def test_idempotency_key() -> None:
    assert parse_idempotency_key(None) is None
    assert parse_idempotency_key("k" * 255) == "k" * 255
    for wrong in ("", "k" * 256, "a b", "é", "a\x7f"):
        with pytest.raises(Problem):
            parse_idempotency_key(wrong)


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (TRACE, True),
        (None, False),
        ("", False),
        (TRACE.upper(), False),
        (TRACE + "-x", False),
        ("ff" + TRACE[2:], False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", False),
    ],
)
def test_traceparent(header: str | None, kept: bool) -> None:
    assert parse_traceparent(header) == (header if kept else None)


def test_ids_that_others_chose() -> None:
    assert sane_id("req-1") == "req-1"
    assert [sane_id(insane) for insane in (None, "", "a b", "x" * 201, "é", "a\n")] == [None] * 6
