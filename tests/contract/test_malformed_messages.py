"""Messages that are none: the worker lives, the next command is handled, and each is found with its reason."""

import json
import pickle
from dataclasses import dataclass, field
from typing import Any

import pytest
from celery import Celery
from kombu import Connection, Producer
from redis import Redis

from models import names
from tests.commands import Graveyard, ask, celery_client, create, fields, group_count, new_id
from workers.supervision.supervisor import Supervisor

NEXT_COMMAND_SECONDS = 5.0
NO_FOLLOW_UP = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
INJECTED_ID = "0199aaaa-0000-7000-8000-00000000feed"
INJECTED = {
    "task": names.JOB_GROUP_CREATE,
    "args": [],
    "kwargs": {"id": INJECTED_ID, **fields()},
    "options": {},
    "subtask_type": None,
    "immutable": True,
}


@dataclass(frozen=True)
class Malformed:
    """A message on the command queue: a good one, but for what a case replaces."""

    name: str
    reason: str
    body: Any = None
    """Bytes as they are, anything else as JSON; None: a good body."""
    headers: dict[str, Any] | None = field(default_factory=dict)
    """Replace those of a good message, or remove them where they are `...`; None: no headers at all."""
    content_type: str = "application/json"
    content_encoding: str = "utf-8"
    properties: dict[str, Any] = field(default_factory=dict)

    def publish(self, broker_url: str) -> None:
        with Connection(broker_url) as connection:
            Producer(connection.channel()).publish(
                self._bytes(),
                routing_key=names.COMMAND_QUEUE,
                headers=self._headers(),
                content_type=self.content_type,
                content_encoding=self.content_encoding,
                **self.properties,
            )

    def _bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(good_body() if self.body is None else self.body).encode()

    def _headers(self) -> dict[str, Any]:
        if self.headers is None:
            return {}
        headers = {"task": names.JOB_GROUP_CREATE, "id": new_id(), "lang": "py"} | self.headers
        return {key: value for key, value in headers.items() if value is not ...}


def good_body() -> list[Any]:
    return [[], {"id": new_id(), **fields()}, NO_FOLLOW_UP]


UNDECODABLE, INVALID, UNKNOWN = "undecodable", "invalid_message", "unknown_task"

MALFORMED = [
    Malformed("five", INVALID, body=b"5"),
    Malformed("null", INVALID, body=b"null"),
    Malformed("a string", INVALID, body=b'"text"'),
    Malformed("an object", INVALID, body={"args": [], "kwargs": fields()}),
    Malformed("no items", INVALID, body=[]),
    Malformed("two items", INVALID, body=[[], fields()]),
    Malformed("four items", INVALID, body=[*good_body(), None]),
    Malformed("args no list", INVALID, body=["args", fields(), NO_FOLLOW_UP]),
    Malformed("kwargs no object", INVALID, body=[[], [1], NO_FOLLOW_UP]),
    Malformed("embed no object", INVALID, body=[[], fields(), [1]]),
    Malformed("broken JSON", UNDECODABLE, body=b'[[], {"name": '),
    Malformed("empty", INVALID, body=b""),
    Malformed("garbage", UNDECODABLE, body=b"\x00\xff\xfe\x80garbage"),
    Malformed("deep nesting", UNDECODABLE, body=b"[" * 50_000 + b"]" * 50_000),
    Malformed("nesting beyond the pool", INVALID, body=[[], {"metadata": json.loads("[" * 500 + "]" * 500)}, {}]),
    Malformed("nesting in the headers", INVALID, headers={"x-deep": json.loads("[" * 120 + "]" * 120)}),
    Malformed("a number of 10,000 digits", UNDECODABLE, body=b"[[], {}, " + b"9" * 10_000 + b"]"),
    Malformed("pickle", UNDECODABLE, body=pickle.dumps(good_body()), content_type="application/x-python-serialize"),
    Malformed("yaml", UNDECODABLE, body=b"[]", content_type="application/x-yaml"),
    Malformed("unknown content type", UNDECODABLE, content_type="application/x-nonsense"),
    Malformed("no content type", INVALID, content_type=""),
    Malformed("plain text", UNDECODABLE, content_type="text/plain"),
    Malformed("unknown compression", UNDECODABLE, headers={"compression": "application/x-nonsense"}),
    Malformed("wrong compression", UNDECODABLE, headers={"compression": "application/x-gzip"}),
    Malformed("no headers", INVALID, headers=None),
    Malformed("no id", INVALID, headers={"id": ...}),
    Malformed("a null id", INVALID, headers={"id": None}),
    Malformed("an empty id", INVALID, headers={"id": ""}),
    Malformed("a list as id", INVALID, headers={"id": ["a"]}),
    Malformed("no task", INVALID, headers={"task": ...}),
    Malformed("a null task", INVALID, headers={"task": None}),
    Malformed("a list as task", INVALID, headers={"task": ["job_group.create"]}),
    Malformed("an unknown task", UNKNOWN, headers={"task": "job_group.explode"}),
    Malformed("a task of Celery's own", UNKNOWN, headers={"task": "celery.map"}, body=[[INJECTED, [[]]], {}, {}]),
    Malformed("an empty task", UNKNOWN, headers={"task": ""}),
    Malformed("eta far away", INVALID, headers={"eta": "9999-12-31T23:59:59.999999+00:00"}),
    Malformed("eta no time", INVALID, headers={"eta": "soon"}),
    Malformed("eta a number", INVALID, headers={"eta": 5}),
    Malformed("expired", INVALID, headers={"expires": "2001-01-01T00:00:00+00:00"}),
    Malformed("expires no time", INVALID, headers={"expires": ["never"]}),
    Malformed("time limits", INVALID, headers={"timelimit": [1, 1]}),
    Malformed("time limits no list", INVALID, headers={"timelimit": "long"}),
    Malformed("stamps no list", INVALID, headers={"stamped_headers": 5}),
    Malformed("stamps unhashable", INVALID, headers={"stamped_headers": [["x"]], "stamps": 5}),
    Malformed("headers no object", INVALID, headers={"headers": 5}),
    Malformed("5 MB", INVALID, body=[[], fields(description="x" * 5_000_000), NO_FOLLOW_UP]),
    *(
        Malformed(f"injected {name}", INVALID, body=[[], fields(), {**NO_FOLLOW_UP, name: value}])
        for name, value in (
            ("callbacks", [INJECTED]),
            ("errbacks", [INJECTED]),
            ("chain", [INJECTED]),
            ("chord", INJECTED),
        )
    ),
    *(
        Malformed(f"injected {name} as a header", INVALID, body=[[], fields(), {}], headers={name: value})
        for name, value in (
            ("callbacks", [INJECTED]),
            ("errbacks", [INJECTED]),
            ("chain", [INJECTED]),
            ("chord", INJECTED),
        )
    ),
]


def assert_the_next_command_is_handled(client: Celery) -> None:
    assert ask(client, create(new_id()), NEXT_COMMAND_SECONDS)["status"] == "succeeded"


@pytest.mark.parametrize("malformed", MALFORMED, ids=[malformed.name for malformed in MALFORMED])
def test_no_message_on_the_command_queue_stops_the_worker(
    either_service: Supervisor, client: Celery, graveyard: Graveyard, malformed: Malformed
) -> None:
    worker = either_service.pids["worker"]
    malformed.publish(either_service.settings.require("broker_url"))
    assert_the_next_command_is_handled(client)
    letter = graveyard.next_letter()
    assert (letter["reason"], letter["source"]) == (malformed.reason, names.COMMAND_QUEUE)
    assert letter["detail"]
    assert len(graveyard.letters()) == 1
    assert either_service.pids["worker"] == worker
    assert group_count(either_service.settings.require("database_url"), INJECTED_ID) == 0


def test_a_dead_letter_shows_the_message_as_it_came(either_service: Supervisor, graveyard: Graveyard) -> None:
    id_, body = new_id(), [[1], {"é": "ü"}, "no embed"]
    odd = Malformed("odd", INVALID, body=body, headers={"id": id_, "x-mine": {"a": [1]}})
    odd.publish(either_service.settings.require("broker_url"))
    letter = graveyard.next_letter()
    assert json.loads(letter["body"]) == body
    assert (letter["command_id"], letter["command_type"]) == (id_, names.JOB_GROUP_CREATE)
    assert json.loads(letter["headers"]["x-mine"]) == {"a": [1]}
    assert json.loads(letter["headers"]["content_type"]) == "application/json"


ODD_BATCHES: list[tuple[str, Any]] = [
    ("no list", 5),
    ("empty", []),
    ("a number beyond 64 bits", [2**70]),
    ("a surrogate", [{"id": "\ud800", "type": "x", "data": {}}]),
    ("a wrong reply channel", [{"id": "x", "type": "job_group.create", "data": {}, "replyTo": "elsewhere"}]),
]


@pytest.mark.parametrize("commands", [batch for _, batch in ODD_BATCHES], ids=[name for name, _ in ODD_BATCHES])
def test_a_batch_of_nothing_readable_is_a_dead_letter(client: Celery, graveyard: Graveyard, commands: Any) -> None:
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": commands}, ignore_result=True)
    assert graveyard.next_letter()["reason"] == "invalid_command"
    assert_the_next_command_is_handled(client)


@pytest.mark.parametrize("header", ["replyTo", "actor", "correlationId", "traceparent"])
def test_a_header_that_no_command_can_have_is_a_dead_letter(
    either_service: Supervisor, client: Celery, graveyard: Graveyard, header: str
) -> None:
    id_ = new_id()
    odd = Malformed("odd", "invalid_command", body=[[], {"id": id_, **fields()}, {}], headers={header: {"a": [5]}})
    odd.publish(either_service.settings.require("broker_url"))
    assert graveyard.next_letter()["reason"] == "invalid_command"
    assert_the_next_command_is_handled(client)
    assert group_count(either_service.settings.require("database_url"), id_) == 0


def envelope(**changes: Any) -> bytes:
    """What kombu keeps in a Redis list, but for what a case replaces, or removes where it is `...`."""
    properties = {
        "delivery_tag": new_id(),
        "delivery_info": {"exchange": "", "routing_key": names.COMMAND_QUEUE},
        "body_encoding": "base64",
    }
    whole = {"body": "NQ==", "content-type": "application/json", "content-encoding": "utf-8", "headers": {}}
    whole |= {"properties": properties} | changes
    return json.dumps({key: value for key, value in whole.items() if value is not ...}).encode()


GARBAGE: list[tuple[str, bytes]] = [
    ("a word", b"garbage"),
    ("five", b"5"),
    ("null", b"null"),
    ("a list", b"[]"),
    ("an empty object", b"{}"),
    ("nothing", b""),
    ("invalid UTF-8", b"\xff\xfe\x00"),
    ("no properties", envelope(properties=...)),
    ("properties no object", envelope(properties=5)),
    ("no delivery tag", envelope(properties={"delivery_info": {"exchange": "", "routing_key": ""}})),
    ("a list as delivery tag", envelope(properties={"delivery_tag": [1], "delivery_info": {}})),
    ("no delivery info", envelope(properties={"delivery_tag": "x"})),
    ("an empty delivery info", envelope(properties={"delivery_tag": "x", "delivery_info": {}})),
    ("bad base64", envelope(body="!!!")),
    ("a number as body", envelope(body=5)),
    ("an unknown body encoding", envelope(properties={"delivery_tag": "x", "body_encoding": "rot13"})),
    ("headers no object", envelope(headers=[5])),
    ("headers a number", envelope(headers=5)),
]


@pytest.mark.parametrize("garbage", [garbage for _, garbage in GARBAGE], ids=[name for name, _ in GARBAGE])
def test_no_garbage_in_the_list_on_redis_stops_the_worker(service: Supervisor, garbage: bytes) -> None:
    settings = service.settings
    broker_url, redis_url = settings.require("broker_url"), settings.require("redis_url")
    graveyard, worker = Graveyard(settings.require("database_url")), service.pids["worker"]
    with Redis.from_url(broker_url) as redis, celery_client(broker_url, redis_url) as client:
        redis.lpush(names.COMMAND_QUEUE, garbage)
        assert_the_next_command_is_handled(client)
        letter = graveyard.next_letter()
        assert letter["reason"] in (UNDECODABLE, INVALID)
        assert service.pids["worker"] == worker
        assert redis.hlen("unacked") == 0
