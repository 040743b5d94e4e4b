"""The contracts: what a sender may write, and how a wrong field is named."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.command_document import UnreadableDocument, read_document
from models.commands import COMMANDS, CommandEnvelope, group_id_of, parse_command
from models.errors import ValidationFailed

MINIMAL = {"name": "January", "template": "standard"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def refusal(type_: str, data: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationFailed) as refused:
        parse_command(CommandEnvelope(id="c", type=type_, data=data))
    return {error.field for error in refused.value.facts["errors"]}


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("name", None, "name"),
        ("name", "", "name"),
        ("name", "   ", "name"),
        ("name", 5, "name"),
        ("name", "x" * 201, "name"),
        ("name", "nul\x00", "name"),
        ("name", "lone \ud800", "name"),
        ("priority", "asap", "priority"),
        ("priority", "HIGH", "priority"),
        ("tags", "one", "tags"),
        ("tags", ["ok", ""], "tags.1"),
        ("tags", ["x"] * 51, "tags"),
        ("metadata", [], "metadata"),
        ("metadata", {"a": {"b": "\x00"}}, "metadata"),
        ("metadata", {"\x00": 1}, "metadata"),
        ("metadata", {"a": 2**63}, "metadata"),
        ("metadata", {"a": 1e19}, "metadata"),
        ("metadata", {"a": float("inf")}, "metadata"),
        ("metadata", {"a": float("nan")}, "metadata"),
        ("processingSettings", {"autoStart": "yes"}, "processingSettings.autoStart"),
        ("processingSettings", {"maxAttempts": 0}, "processingSettings.maxAttempts"),
        ("processingSettings", {"maxAttempts": 2.5}, "processingSettings.maxAttempts"),
        ("processingSettings", {"maxConcurrency": 10**30}, "processingSettings.maxConcurrency"),
        ("processingSettings", {"confidenceThreshold": 1.1}, "processingSettings.confidenceThreshold"),
        ("processingSettings", {"expiresAfterSeconds": 1e300}, "processingSettings.expiresAfterSeconds"),
        ("processingSettings", {"retryBackoff": {"factor": 0}}, "processingSettings.retryBackoff.factor"),
        ("processingSettings", {"languages": ["not a tag"]}, "processingSettings.languages.0"),
        ("processingSettings", {"own": "\x00"}, "processingSettings"),
        ("notifications", {"channels": [{"type": "sms"}]}, "notifications.channels.0"),
        (
            "notifications",
            {"channels": [{"type": "webhook", "url": "ftp://x"}]},
            "notifications.channels.0.url",
        ),
        ("notifications", {"channels": [{"type": "email", "to": []}]}, "notifications.channels.0.to"),
        ("nmae", "x", "nmae"),
        ("batch_number", "x", "batch_number"),
        ("id", "not-a-uuid", "id"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, named: str) -> None:
    assert named in refusal("job_group.create", {**MINIMAL, field: value})


def test_nesting_is_bounded() -> None:
    nested: dict[str, Any] = {}
    for _ in range(40):
        nested = {"deeper": nested}
    assert refusal("job_group.create", {**MINIMAL, "metadata": nested}) == {"metadata"}


def test_every_wrong_field_is_named_at_once() -> None:
    assert refusal("job_group.update", {"priority": 1}) == {"id", "name", "template", "priority"}


def test_a_refusal_does_not_grow_with_what_it_refuses() -> None:
    refused = refusal("job_group.create", {**MINIMAL, **{f"{number}" * 1000: 1 for number in range(200)}})
    assert len(refused) <= 50
    assert max(map(len, refused)) <= 200


def test_an_unknown_command_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValidationFailed, match=r"job_group\.create, job_group\.update"):
        parse_command(CommandEnvelope(id="c", type="job_group.craete", data={}))


def test_unknown_keys_of_the_settings_are_kept() -> None:
    settings = {"dpi": 300, "retryBackoff": {"jitter": True}}
    command = parse_command(
        CommandEnvelope(id="c", type="job_group.create", data={**MINIMAL, "processingSettings": settings})
    )
    written = command.model_dump(mode="json")["processingSettings"]
    assert written["dpi"] == 300
    assert written["retryBackoff"]["jitter"] is True


@given(st.sampled_from(sorted(COMMANDS)), st.dictionaries(st.text(max_size=12), ANY_JSON, max_size=4))
def test_no_data_gets_past_the_contracts_but_as_a_command_or_a_refusal(type_: str, data: dict[str, Any]) -> None:
    envelope = CommandEnvelope(id="c", type=type_, data={**MINIMAL, **data})
    group_id_of(envelope)
    with suppress(ValidationFailed):
        assert parse_command(envelope).target


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"id": "x" * 201}, {"id": "nul\x00"}, {"data": []}, {"data": None}, {"replyTo": "elsewhere"}]
)
def test_an_envelope_that_cannot_be_answered_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CommandEnvelope.model_validate({"id": "c", "type": "t", "data": {}, **wrong})


def test_a_document_of_cloudevents_is_read() -> None:
    envelope = read_document(
        b'{"specversion": "1.0", "id": "c-1", "source": "/scanner/7", "type": "job_group.delete", "data": {"id": "g"},'
        b' "actor": "scanner", "correlationid": "batch-9", "replyto": "ocr_invoice.outcomes.me", "anything": "else"}'
    )
    assert (envelope.id, envelope.type, envelope.data) == ("c-1", "job_group.delete", {"id": "g"})
    assert (envelope.actor, envelope.correlation_id) == ("scanner", "batch-9")
    assert envelope.reply_to == "ocr_invoice.outcomes.me"


@pytest.mark.parametrize(
    "raw", [b"", b"5", b"null", b"[]", b"{", b"\xff", b'{"id": NaN}', b"[" * 100_000, b'{"specversion": "0.3"}']
)
def test_what_is_no_document_is_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(UnreadableDocument, match=r"\w"):
        read_document(raw)
