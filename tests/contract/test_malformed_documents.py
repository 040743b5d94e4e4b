"""Documents that are none, on the intake: it lives, the next one is handled, and each is found with its reason."""

import json
from typing import Any

import pytest
from kombu import Connection, Producer
from redis import Redis

from models import names
from tests.commands import Graveyard, create, document, eventually, fields, group_count, new_id, select
from workers.supervision.supervisor import Supervisor

NEXT_COMMAND_SECONDS = 5.0


def intake_document(**changes: Any) -> bytes:
    whole = {"specversion": "1.0", "id": new_id(), "type": names.JOB_GROUP_CREATE, "data": fields()} | changes
    return json.dumps({key: value for key, value in whole.items() if value is not ...}).encode()


def nested(depth: int) -> bytes:
    return intake_document(data=...)[:-1] + b', "data": ' + b'{"a": ' * depth + b"1" + b"}" * depth + b"}"


UNREADABLE: list[tuple[str, bytes]] = [
    ("five", b"5"),
    ("null", b"null"),
    ("a list", b"[]"),
    ("a string", b'"text"'),
    ("nothing", b""),
    ("broken JSON", b'{"id": '),
    ("invalid UTF-8", b'{"id": "\xff\xfe"}'),
    ("NaN", intake_document(data={"a": float("nan")})),
    ("infinity", intake_document(data={"a": float("-inf")})),
    ("nesting beyond the parser", nested(100_000)),
    ("nesting beyond the writer", nested(400)),
    ("nesting beyond the limit", nested(101)),
    ("nesting at the parser's edge", nested(985)),
    ("a number of 10,000 digits", b'{"a": ' + b"9" * 10_000 + b"}"),
    ("no id", intake_document(id=...)),
    ("no type", intake_document(type=...)),
    ("no data", intake_document(data=...)),
    ("data a list", intake_document(data=[])),
    ("data as text", intake_document(data='{"name": "x"}')),
    ("an empty id", intake_document(id="")),
    ("an id of 300 characters", intake_document(id="x" * 300)),
    ("a number as id", intake_document(id=5)),
    ("an id with a surrogate", intake_document(id="\ud800")),
    ("an id with U+0000", intake_document(id="a\x00")),
    ("a list as type", intake_document(type=[names.JOB_GROUP_CREATE])),
    ("another version of CloudEvents", intake_document(specversion="0.3")),
    ("a reply channel elsewhere", intake_document(replyto="celery")),
    ("5 MB", intake_document(data=fields(description="x" * 5_000_000))),
]


def give(broker_url: str, body: bytes) -> None:
    """Hand a document to the intake."""
    if broker_url.startswith("redis"):
        with Redis.from_url(broker_url) as redis:
            redis.xadd(names.INTAKE, {"command": body})
        return
    with Connection(broker_url) as connection:
        producer = Producer(connection.channel())
        producer.publish(body, routing_key=names.INTAKE, content_type="x/y", content_encoding="binary")


def assert_the_next_document_is_handled(service: Supervisor) -> None:
    good = create(new_id())
    give(service.settings.require("broker_url"), document(good))
    eventually(lambda: group_count(service.settings.require("database_url"), good.data["id"]), NEXT_COMMAND_SECONDS)


@pytest.mark.parametrize("body", [body for _, body in UNREADABLE], ids=[name for name, _ in UNREADABLE])
def test_no_document_stops_the_intake(either_service: Supervisor, graveyard: Graveyard, body: bytes) -> None:
    pids = either_service.pids
    give(either_service.settings.require("broker_url"), body)
    assert_the_next_document_is_handled(either_service)
    letter = graveyard.next_letter()
    assert (letter["reason"], letter["source"], letter["body"]) == ("invalid_command", names.INTAKE, body)
    assert letter["detail"]
    assert either_service.pids == pids


REFUSED_DATA: list[tuple[str, Any]] = [
    ("a number beyond 64 bits", fields(metadata={"a": 2**70})),
    ("a surrogate", fields(description="\ud800")),
    ("a surrogate as key", fields(**{"\ud800": 1})),
    ("nesting", json.loads('{"a": ' * 90 + "1" + "}" * 90)),
]


@pytest.mark.parametrize("data", [data for _, data in REFUSED_DATA], ids=[name for name, _ in REFUSED_DATA])
def test_a_document_with_data_that_cannot_be_stored_is_rejected(either_service: Supervisor, data: Any) -> None:
    pids, id_ = either_service.pids, new_id()
    give(either_service.settings.require("broker_url"), intake_document(id=id_, data=data))
    assert_the_next_document_is_handled(either_service)
    sql = "SELECT outcome FROM commands WHERE id = :id"
    (row,) = eventually(lambda: select(either_service.settings.require("database_url"), sql, id=id_))
    assert row["outcome"]["error"]["code"] == "validation_failed"
    assert either_service.pids == pids


def test_an_entry_without_the_field_is_a_dead_letter(service: Supervisor) -> None:
    graveyard, pids = Graveyard(service.settings.require("database_url")), service.pids
    with Redis.from_url(service.settings.require("broker_url")) as redis:
        redis.xadd(names.INTAKE, {"document": document(create(new_id()))})
        assert_the_next_document_is_handled(service)
        assert redis.xlen(names.INTAKE) == 0
    letter = graveyard.next_letter()
    assert (letter["reason"], letter["source"]) == ("invalid_command", names.INTAKE)
    assert service.pids == pids
