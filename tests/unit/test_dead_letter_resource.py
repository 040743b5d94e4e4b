"""What is shown of a message that anybody may have written, with secrets in it."""

import base64
import json
import pickle
from typing import Any

import pytest

from models.dead_letter import DeadLetter, DeadLetterReason
from models.dead_letter_resource import MAX_SHOWN_BYTES, show_body
from models.masking import MASK, masked

SECRET = "whsec_dont_tell"
CHANNEL = {"type": "webhook", "url": "https://example.com", "secret": SECRET}


def shown(body: bytes) -> tuple[str, Any]:
    return show_body(body[:MAX_SHOWN_BYTES], complete=len(body) <= MAX_SHOWN_BYTES)


@pytest.mark.parametrize("key", ["secret", "Secret", "clientSecret", "password", "api_key", "apiKey", "accessToken"])
def test_what_stands_under_a_telltale_name_is_masked(key: str) -> None:
    assert masked({"a": [{key: ["x", {"y": 1}], "b": 5}]}) == {"a": [{key: MASK, "b": 5}]}


def test_a_text_that_quotes_a_secret_is_masked() -> None:
    headers = {"kwargsrepr": repr({"notifications": {"channels": [CHANNEL]}}), "task": "job_group.create"}
    assert masked(headers) == {"kwargsrepr": MASK, "task": "job_group.create"}
    assert masked({"elsewhere": SECRET}) == {"elsewhere": MASK}


def test_the_rest_of_a_json_body_is_shown_as_it_is() -> None:
    body = [[], {"name": "é", "notifications": {"channels": [CHANNEL]}, "n": [1.5, None, True, 2**70]}, {}]
    form, told = shown(json.dumps(body).encode())
    assert form == "json"
    assert told == [[], {**body[1], "notifications": {"channels": [{**CHANNEL, "secret": MASK}]}}, {}]


def test_what_json_allows_and_utf8_does_not_is_replaced() -> None:
    assert shown(b'{"\\ud800": "\\ud800"}') == ("json", {"?": "?"})


def test_what_nests_too_deep_to_be_written_is_masked() -> None:
    form, told = shown(b"[" * 900 + b"]" * 900)
    assert form == "json"
    assert json.dumps(told) == "[" * 100 + json.dumps(MASK) + "]" * 100


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([[], {"notifications": {"channels": [CHANNEL]}}]).encode()[:-2],
        json.dumps({"channels": [CHANNEL]}).encode("utf-16-le")[:-2],
        pickle.dumps({"channels": [CHANNEL]}),
        f"secret: {SECRET}".encode(),
        f"secret: {SECRET} ".encode() + b"x" * MAX_SHOWN_BYTES,
    ],
    ids=["broken JSON", "UTF-16", "pickle", "text", "a long text"],
)
def test_a_body_that_is_no_json_is_withheld_where_it_may_hold_a_secret(body: bytes) -> None:
    assert shown(body) == ("withheld", None)


def test_any_other_body_is_shown_as_text_or_bytes() -> None:
    assert shown(b'{"name": ') == ("text", '{"name": ')
    assert shown(b"") == ("text", "")
    form, told = shown(b"\x00\xff\xfe\x80")
    assert (form, base64.b64decode(told)) == ("base64", b"\x00\xff\xfe\x80")


def test_a_long_body_shows_its_beginning_and_breaks_no_character() -> None:
    form, told = shown(b'"' + "é".encode() * MAX_SHOWN_BYTES)
    assert (form, set(told[1:])) == ("text", {"é"})
    assert len(told.encode()) in (MAX_SHOWN_BYTES - 1, MAX_SHOWN_BYTES)


def test_the_name_of_a_letter_in_a_log_tells_nothing_of_its_body() -> None:
    letter = DeadLetter(DeadLetterReason.UNDECODABLE, "why", "here", SECRET.encode(), {"a": SECRET})
    assert SECRET not in repr(letter)
