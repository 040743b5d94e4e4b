"""A secret that is sent in every way, right and wrong, is found in its group's row and in no other place.

The service logs everything there is to log (DEBUG), since what is silent at DEBUG is silent above it.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from celery import Celery
from kombu import Connection, Producer
from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from models import names
from models.commands import CommandEnvelope
from settings import Settings
from tests.commands import (
    Graveyard,
    Subscriber,
    ask,
    celery_client,
    command,
    create,
    document,
    eventually,
    new_id,
    patch,
    select,
)
from tests.contract.http_api import GROUPS, client_of
from tests.contract.test_commands_three_ways import publish_document
from workers.supervision.supervisor import Supervisor

CANARY = f"canary{uuid4().hex}"
REFUSED = "a name that the database refuses"
TABLES_WITHOUT_SECRETS = ("jobs", "commands", "events", "deliveries")
LIST = {"limit": 100}


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A service of its own that logs everything, whose database refuses one name."""
    with Supervisor(Settings(home=tmp_path_factory.mktemp("talkative"), port=0, log_level="DEBUG")) as running:
        constraint = f"ALTER TABLE job_groups ADD CONSTRAINT not_this_name CHECK (name <> '{REFUSED}')"
        with create_engine(running.settings.require("database_url"), poolclass=NullPool).begin() as connection:
            connection.execute(text(constraint))
        yield running


def channel(**more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": "https://example.com/hook", "secret": CANARY, **more}


def fields_with(*channels: Any, **more: Any) -> dict[str, Any]:
    return {"name": "n", "template": "t", "notifications": {"channels": list(channels)}, **more}


RIGHT = [fields_with(channel()), fields_with(channel(type="email", to=["a@example.com"]))]
WRONG = [
    fields_with(channel(url="ftp://example.com")),
    fields_with(channel(secret=[CANARY])),
    fields_with(channel(secret={"key": CANARY})),
    fields_with(channel(secret=CANARY * 10)),
    fields_with(channel(secret=CANARY + "\x00")),
    fields_with(channel(url=f"https://user:{CANARY}@example.com/")),
    fields_with({"url": "https://example.com", "secret": CANARY}),
    fields_with([CANARY]),
    fields_with(CANARY),
    {"name": "n", "template": "t", "notifications": CANARY},
    {"name": "n", "template": "t", "notifications": {"channels": CANARY}},
    {"name": "n", "template": "t", "notifications": [channel()]},
]


def through_http(service: Supervisor) -> list[str]:
    """Send every body as a new group, a replacement and a patch, and return all that was answered."""
    with client_of(service.url, service.api_key) as api:
        answers = [api.post(GROUPS, json=body) for body in RIGHT]
        assert [answer.status_code for answer in answers] == [201, 201]
        own = f"{GROUPS}/{answers[0].json()['data']['id']}"
        for body in WRONG:
            changed = {"notifications": body["notifications"]}
            answers += [api.post(GROUPS, json=body), api.put(own, json=body), api.patch(own, json=changed)]
        assert all(answer.status_code == 422 for answer in answers[2:] if answer.request.method != "PATCH")
        answers.append(api.post(GROUPS, json=fields_with(channel(), name=REFUSED)))
        answers.append(api.patch(own, json={"name": REFUSED}))
        assert [answer.status_code for answer in answers[-2:]] == [422, 422]
        answers.append(
            api.post(GROUPS, content=json.dumps(RIGHT[0])[:-1], headers={"Content-Type": "application/json"})
        )
        return [told(answer) for answer in answers]


def through_celery(service: Supervisor) -> list[str]:
    with celery_client(service.settings.require("broker_url"), service.settings.require("redis_url")) as client:
        outcomes = [ask(client, envelope) for envelope in commands()]
        dying_tasks(service, client)
    assert {outcome["status"] for outcome in outcomes} == {"succeeded", "rejected"}
    return [json.dumps(outcome) for outcome in outcomes]


def commands() -> list[CommandEnvelope]:
    group_id = new_id()
    made = [create(group_id, **RIGHT[0])] + [create(new_id(), **body) for body in WRONG]
    changes = [patch(group_id, {"notifications": body["notifications"]}) for body in WRONG]
    refused = [create(new_id(), **fields_with(channel(), name=REFUSED)), patch(group_id, {"name": REFUSED})]
    return [*made, *changes, *refused, command("job_group.create", fields_with(channel(), nmae="typo"))]


def dying_tasks(service: Supervisor, client: Celery) -> None:
    """Send what becomes a dead letter: with the secret in the body, and in what Celery makes of it for logs."""
    letters = Graveyard(service.settings.require("database_url"))
    exchange = {"exchange": names.COMMAND_QUEUE, "routing_key": names.COMMAND_QUEUE}
    client.send_task("job_group.explode", kwargs=RIGHT[0], **exchange)
    client.send_task(names.JOB_GROUP_CREATE, kwargs=RIGHT[0], expires=1, **exchange)
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": [{"type": "x", "data": RIGHT[0]}]}, **exchange)
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": [CANARY], "unknown": CANARY}, **exchange)
    undecodable = json.dumps([[], RIGHT[0], {}]).encode()
    with Connection(service.settings.require("broker_url")) as connection:
        for body in (
            undecodable + b"\xff",
            undecodable[:-1],
            base64.b64encode(undecodable),
            undecodable + CANARY.encode(),
        ):
            Producer(connection.channel()).publish(
                body,
                routing_key=names.COMMAND_QUEUE,
                headers={"task": names.JOB_GROUP_CREATE, "id": new_id(), "kwargsrepr": repr(RIGHT[0])},
                content_type="application/json",
                content_encoding="utf-8",
            )
    Redis.from_url(service.settings.require("broker_url")).lpush(names.COMMAND_QUEUE, f"no message: {CANARY}")
    eventually(lambda: len(letters.letters()) == 9)


def through_the_intake(service: Supervisor) -> list[str]:
    sent = commands()
    database_url, broker_url = service.settings.require("database_url"), service.settings.require("broker_url")
    letters = Graveyard(database_url)
    for envelope in sent:
        publish_document(broker_url, document(envelope))
    good = document(sent[0])
    for bad in (good[:-1], good + b"\xff", good.replace(b'"specversion":"1.0"', b'"specversion":"9"'), CANARY.encode()):
        publish_document(broker_url, bad)
    handled = "SELECT count(*) AS count FROM commands WHERE id = ANY(:ids)"
    eventually(lambda: select(database_url, handled, ids=[envelope.id for envelope in sent])[0]["count"] == len(sent))
    eventually(lambda: len(letters.letters()) == 4)
    with client_of(service.url, service.api_key) as api:
        return [told(api.get(f"/commands/{envelope.id}")) for envelope in sent]


def told(answer: httpx.Response) -> str:
    return f"{answer.headers} {answer.text}"


def read_everything(service: Supervisor) -> list[str]:
    with client_of(service.url, service.api_key) as api:
        groups = api.get(GROUPS, params=LIST)
        answers = [groups]
        for group in groups.json()["data"]:
            own = f"{GROUPS}/{group['id']}"
            answers += [api.get(f"{own}{part}") for part in ("", "/jobs", "/events", "/explain", "/deliveries")]
        for channel_field in ("notifications", "metadata.secret"):
            answers.append(api.get(GROUPS, params={"filter": json.dumps({channel_field: CANARY})}))
        answers += [api.get(GROUPS, params={"search": CANARY}), api.get("/readyz"), api.get("/openapi.json")]
    return [told(answer) for answer in answers if CANARY not in str(answer.request.url)]


def logs_of(service: Supervisor) -> dict[str, str]:
    return {path.name: path.read_text(errors="replace") for path in (service.settings.home / "logs").glob("*.log")}


def everything_in_redis(redis_url: str) -> str:
    with Redis.from_url(redis_url) as redis:
        readers = {
            b"string": redis.get,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda key: redis.zrange(key, 0, -1),
            b"hash": redis.hgetall,
            b"stream": redis.xrange,
        }
        return repr([(key, readers[redis.type(key)](key)) for key in redis.scan_iter()])


@pytest.fixture(scope="module")
def answers_and_events(talkative: Supervisor) -> tuple[list[str], list[dict[str, Any]]]:
    """Send the secret in all three ways; return what was answered, and what a subscriber to everything received."""
    database_url = talkative.settings.require("database_url")
    with Subscriber(talkative.settings.require("broker_url"), "#") as subscriber:
        answers = through_http(talkative) + through_celery(talkative) + through_the_intake(talkative)
        tried = "SELECT count(*) AS count FROM deliveries WHERE attempts > 0"
        eventually(lambda: select(database_url, tried)[0]["count"] >= 4)
        answers += read_everything(talkative)
        (stored,) = select(database_url, "SELECT count(*) AS count FROM events")
        events = subscriber.receive(stored["count"])
    return answers, events


def test_the_secret_is_where_it_belongs(talkative: Supervisor, answers_and_events: Any) -> None:
    """Else nothing would be proved by its absence elsewhere."""
    url = talkative.settings.require("database_url")
    (kept,) = select(url, "SELECT count(*) AS count FROM job_groups WHERE notifications::text LIKE :s", s=f"%{CANARY}%")
    assert kept["count"] == 4
    (dead,) = select(url, "SELECT count(*) AS count FROM dead_letters WHERE body LIKE :s", s=f"%{CANARY}%".encode())
    assert dead["count"] >= 10


def test_no_answer_and_no_event_tells_it(answers_and_events: tuple[list[str], list[dict[str, Any]]]) -> None:
    answers, events = answers_and_events
    assert len(answers) > 100
    assert [answer for answer in answers if CANARY in answer] == []
    assert len(events) > 30
    assert [event for event in events if CANARY in json.dumps(event)] == []


@pytest.mark.parametrize("table", TABLES_WITHOUT_SECRETS)
def test_no_other_table_holds_it(talkative: Supervisor, answers_and_events: Any, table: str) -> None:
    rows = select(talkative.settings.require("database_url"), f"SELECT * FROM {table}")
    assert [row for row in rows if CANARY in repr(row)] == []


def test_of_a_dead_letter_only_body_and_headers_may_hold_it(talkative: Supervisor, answers_and_events: Any) -> None:
    rows = select(talkative.settings.require("database_url"), "SELECT * FROM dead_letters")
    assert [row["detail"] for row in rows if CANARY in repr(row | {"body": None, "headers": None})] == []


def test_nothing_is_left_of_it_in_redis(talkative: Supervisor, answers_and_events: Any) -> None:
    found = everything_in_redis(talkative.settings.require("redis_url"))
    assert "celery-task-meta-" in found
    assert CANARY not in found


def test_no_log_tells_it(talkative: Supervisor, answers_and_events: Any) -> None:
    logs = logs_of(talkative)
    assert {
        "api.log",
        "worker.log",
        "intake.log",
        "relay.log",
        "housekeeping.log",
        "notifier.log",
        "postgres.log",
    } <= logs.keys()
    assert '"debug"' in logs["worker.log"]
    lines = [f"{name}: {line[:300]}" for name, log in logs.items() for line in log.splitlines() if CANARY in line]
    assert lines == []


def test_no_log_tells_a_key_or_a_password(talkative: Supervisor, answers_and_events: Any) -> None:
    secrets = [talkative.api_key, urlsplit(talkative.settings.require("redis_url")).password or ""]
    assert all(len(secret) > 30 for secret in secrets)
    assert [name for name, log in logs_of(talkative).items() if any(secret in log for secret in secrets)] == []
