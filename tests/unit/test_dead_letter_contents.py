"""What can be read of the message in a dead letter: whole commands, or no more than who asked."""

import json
from typing import Any

import pytest

from models import names
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason
from models.dead_letter_contents import UNKNOWN_TYPE, contents_of
from tests.commands import create, document, fields, item, new_id

NO_FOLLOW_UP = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
GIVEN_UP, ODD = DeadLetterReason.DELIVERY_LIMIT, DeadLetterReason.INVALID_MESSAGE
FAILED, NO_COMMAND = DeadLetterReason.HANDLING_FAILED, DeadLetterReason.INVALID_COMMAND


def letter(reason: DeadLetterReason, body: Any, source: str = names.COMMAND_QUEUE, **headers: Any) -> DeadLetter:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DeadLetter(reason, "why", source, raw, headers)


def ids_and_types(envelopes: Any) -> list[tuple[str, str]]:
    return [(envelope.id, envelope.type) for envelope in envelopes]


@pytest.mark.parametrize("reason", [FAILED, DeadLetterReason.ATTEMPTS_EXHAUSTED])
def test_a_command_that_the_service_wrote_is_itself(reason: DeadLetterReason) -> None:
    command = create(new_id()).model_copy(update={"reply_to": f"{names.OUTCOME_CHANNEL_PREFIX}x", "actor": "somebody"})
    assert contents_of(letter(reason, item(command))).commands == [command]


@pytest.mark.parametrize("reason", [GIVEN_UP, ODD, DeadLetterReason.UNDECODABLE])
def test_a_task_message_is_the_command_that_its_task_would_have_seen(reason: DeadLetterReason) -> None:
    id_, data = new_id(), fields()
    headers = {"id": id_, "task": names.JOB_GROUP_CREATE, "actor": "somebody", "correlationId": "c", "lang": "py"}
    (command,) = contents_of(letter(reason, [[], data, NO_FOLLOW_UP], **headers)).commands
    assert command == CommandEnvelope(
        id=id_, type=names.JOB_GROUP_CREATE, data=data, actor="somebody", correlation_id="c"
    )


def test_positional_arguments_stay_for_the_contract_to_refuse() -> None:
    message = letter(GIVEN_UP, [[5], fields(), {}], id=new_id(), task=names.JOB_GROUP_CREATE)
    (command,) = contents_of(message).commands
    assert command.data == {**fields(), "args": [5]}


def test_headers_of_the_sender_may_stand_within_the_headers() -> None:
    message = letter(GIVEN_UP, [[], fields(), {}], id="a", task=names.JOB_GROUP_CREATE, headers={"actor": "x", "id": 5})
    (command,) = contents_of(message).commands
    assert (command.id, command.actor) == ("a", "x")


def test_a_batch_is_its_commands_and_what_is_left_of_the_others() -> None:
    good = [create(new_id()) for _ in range(3)]
    odd = {"id": "odd", "type": names.JOB_GROUP_CREATE, "data": 5}
    commands = [*(item(each) for each in good), odd, {"type": names.JOB_ADD}, 5]
    contents = contents_of(letter(GIVEN_UP, [[], {"commands": commands}, {}], id="batch", task=names.HANDLE_BATCH))
    assert contents.commands == good
    assert ids_and_types(contents.fragments) == [("odd", names.JOB_GROUP_CREATE)]


def test_a_list_of_too_many_commands_can_be_sent_in_parts() -> None:
    good = [create(new_id()) for _ in range(501)]
    assert contents_of(letter(NO_COMMAND, [item(each) for each in good])).commands == good


def test_a_document_of_the_intake_is_its_command() -> None:
    command = create(new_id())
    assert contents_of(letter(GIVEN_UP, document(command), names.INTAKE)).commands == [command]


@pytest.mark.parametrize("reply", [f"{names.OUTCOME_CHANNEL_PREFIX}x", None])
def test_whoever_sent_a_wrong_document_can_be_answered(reply: str | None) -> None:
    body = {"id": "x", "type": names.JOB_ADD, "correlationid": "c", "data": [], "replyto": reply}
    (fragment,) = contents_of(letter(NO_COMMAND, body, names.INTAKE)).fragments
    expected = CommandEnvelope(id="x", type=names.JOB_ADD, data={}, correlation_id="c", reply_to=reply)
    assert fragment == expected


@pytest.mark.parametrize(
    ("wrong", "type_"),
    [
        ({"replyTo": "elsewhere"}, names.JOB_ADD),
        ({"actor": {"a": 5}}, names.JOB_ADD),
        ({"type": 5}, UNKNOWN_TYPE),
        ({"type": "x" * 300, "traceparent": []}, UNKNOWN_TYPE),
        ({"more": 1}, names.JOB_ADD),
        ({"type": "job_group.explode"}, "job_group.explode"),
        ({"data": {"a": "x" * MAX_COMMAND_BYTES}}, names.JOB_ADD),
    ],
    ids=str,
)
def test_what_is_wrong_besides_the_id_is_left_out(wrong: dict[str, Any], type_: str) -> None:
    contents = contents_of(letter(NO_COMMAND, {"id": "x", "type": names.JOB_ADD, "data": {}, **wrong}))
    assert not contents.commands
    assert contents.fragments == [CommandEnvelope(id="x", type=type_, data={})]


@pytest.mark.parametrize("body", [b"", b"5", b"null", b"\xff\xfe", b"[" * 50_000, [[], {"id": "a group's"}, {}], {}])
@pytest.mark.parametrize("headers", [{}, {"id": None}, {"id": ["a"], "task": ["b"]}, {"id": "x" * 300}, {"id": "\x00"}])
def test_where_nobody_can_be_named_there_is_nobody_to_answer(body: Any, headers: dict[str, Any]) -> None:
    assert not contents_of(letter(ODD, body, **headers)).envelopes


@pytest.mark.parametrize("body", [b"", b"5", b'[[], {"name": ', [[], fields()][:1], {"id": "a group's"}])
def test_headers_name_the_sender_of_a_body_that_cannot_be_read(body: Any) -> None:
    contents = contents_of(letter(ODD, body, id="x", task=names.JOB_GROUP_CREATE))
    assert not contents.commands
    assert ids_and_types(contents.fragments) == [("x", names.JOB_GROUP_CREATE)]


def test_the_id_of_a_batch_is_no_command() -> None:
    for body in (b"5", [[], {"commands": 5}, {}], [[], {}, {}]):
        assert not contents_of(letter(ODD, body, id="batch", task=names.HANDLE_BATCH)).envelopes


@pytest.mark.parametrize("item_", [5, None, [], {}, {"id": ""}, {"id": 5}, {"id": "\ud800"}], ids=repr)
def test_an_item_without_a_usable_id_has_nobody_to_answer(item_: Any) -> None:
    assert not contents_of(letter(NO_COMMAND, item_)).envelopes
