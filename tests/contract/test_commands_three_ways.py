"""Every command by all three ways in: a Celery client, a plain JSON document, HTTP. What it does is the same."""

from collections.abc import Callable
from typing import Protocol

import httpx
import pytest
from celery import Celery

from models import names
from models.commands import CommandEnvelope
from tests.commands import (
    Graveyard,
    Subscriber,
    ask,
    create,
    delete,
    document,
    new_id,
    patch,
    select,
    update,
)
from tests.contract.http_api import GROUPS, new_group
from tests.contract.told import Replies, Told, outcome_of, publish_document, shown
from workers.supervision.supervisor import Supervisor

BODY_LESS = ("id", "expectedVersion")


class Way(Protocol):
    """Sends one command and waits until its sender is told."""

    def __call__(self, envelope: CommandEnvelope) -> Told: ...


@pytest.fixture(params=["celery", "intake", "http"])
def send(
    request: pytest.FixtureRequest, either_service: Supervisor, client: Celery, replies: Replies, api: httpx.Client
) -> Way:
    broker_url = either_service.settings.require("broker_url")

    def by_celery(envelope: CommandEnvelope) -> Told:
        return Told.by(ask(client, envelope))

    def by_intake(envelope: CommandEnvelope) -> Told:
        publish_document(broker_url, document(envelope.model_copy(update={"reply_to": replies.channel})))
        (outcome,) = replies.next_message()
        return Told.by(outcome)

    def by_http(envelope: CommandEnvelope) -> Told:
        return http_answer(either_service, api, envelope)

    ways: dict[str, Way] = {"celery": by_celery, "intake": by_intake, "http": by_http}
    return ways[request.param]


def http_answer(service: Supervisor, api: httpx.Client, envelope: CommandEnvelope) -> Told:
    """Send what `envelope` asks over HTTP, which gives commands, and groups when they are made, ids of its own."""
    group = "" if envelope.type == names.JOB_GROUP_CREATE else f"/{envelope.data['id']}"
    method = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}[envelope.type.split(".")[1]]
    body = envelope.data.get("patch") or {key: value for key, value in envelope.data.items() if key not in BODY_LESS}
    version = envelope.data.get("expectedVersion")
    headers = {"X-Correlation-ID": envelope.id} | ({"If-Match": f'"{version}"'} if version else {})
    response = api.request(method, GROUPS + group, json=body if method != "DELETE" else None, headers=headers)
    answer = response.json()
    group_id = answer["data"]["id"] if method == "POST" else envelope.data["id"]
    code = None if response.is_success else answer["code"]
    return Told(
        newest_command(service, group_id), group_id, code, int(response.headers.get("ETag", '"0"')[1:-1]) or None
    )


def newest_command(service: Supervisor, group_id: str) -> str:
    sql = "SELECT id FROM commands WHERE group_id = CAST(:id AS uuid) ORDER BY handled_at DESC LIMIT 1"
    id_: str = select(service.settings.require("database_url"), sql, id=group_id)[0]["id"]
    return id_


def assert_applied(api: httpx.Client, subscriber: Subscriber, told: Told, type_: str, version: int, event: str) -> None:
    """Look at all that tells of an applied command: the answer, the event and the outcome kept."""
    assert told.code is None
    assert told.version in (version, None)
    outcome = outcome_of(api, told.command_id)
    assert (outcome["status"], outcome["type"], outcome["version"]) == ("succeeded", type_, version)
    events = subscriber.of_group(told.group_id, version)
    assert [found["sequence"] for found in events] == list(range(1, version + 1))
    assert events[-1]["type"] == f"ocr_invoice.{event}.v1"
    assert events[-1]["causationid"] == told.command_id
    assert events[-1]["data"]["version"] == version


def test_create_makes_a_group(api: httpx.Client, send: Way, subscriber: Subscriber) -> None:
    told = send(create(new_id(), priority="high", metadata={"site": "Lyon", "new": True}))
    assert_applied(api, subscriber, told, "job_group.create", 1, "job_group.created")
    group = shown(api, told.group_id)
    assert (group["priority"], group["metadata"], group["version"]) == ("high", {"site": "Lyon", "new": True}, 1)


def test_update_replaces_a_group(api: httpx.Client, send: Way, subscriber: Subscriber) -> None:
    id_ = send(create(new_id(), priority="high", tags=["old"])).group_id
    told = send(update(id_, name="second", expectedVersion=1))
    assert_applied(api, subscriber, told, "job_group.update", 2, "job_group.updated")
    group = shown(api, id_)
    assert (group["name"], group["priority"], group["tags"], group["version"]) == ("second", "medium", [], 2)


def test_patch_changes_what_it_names(api: httpx.Client, send: Way, subscriber: Subscriber) -> None:
    id_ = send(create(new_id(), description="old", metadata={"site": "Lyon", "line": 4})).group_id
    told = send(patch(id_, {"description": None, "metadata": {"line": None, "shift": 2}}))
    assert_applied(api, subscriber, told, "job_group.patch", 2, "job_group.updated")
    assert subscriber.of_group(id_, 2)[-1]["data"]["changed"] == ["description", "metadata"]
    group = shown(api, id_)
    assert (group["description"], group["metadata"], group["version"]) == (None, {"site": "Lyon", "shift": 2}, 2)


def test_delete_removes_a_group(api: httpx.Client, send: Way, subscriber: Subscriber) -> None:
    id_ = send(create(new_id())).group_id
    send(patch(id_, {"name": "last words"}))
    told = send(delete(id_, expectedVersion=2))
    assert_applied(api, subscriber, told, "job_group.delete", 3, "job_group.deleted")
    assert api.get(f"{GROUPS}/{id_}").status_code == 404


REFUSED: list[tuple[str, Callable[[str], CommandEnvelope]]] = [
    ("version_conflict", lambda id_: patch(id_, {"name": "late"}, expectedVersion=7)),
    ("version_conflict", lambda id_: update(id_, name="late", expectedVersion=7)),
    ("version_conflict", lambda id_: delete(id_, expectedVersion=7)),
    ("not_found", lambda _: patch(new_id(), {"name": "nobody"})),
]


@pytest.mark.parametrize(("code", "refused"), REFUSED, ids=["patch", "update", "delete", "absent"])
def test_a_rejected_command_changes_nothing_and_everybody_learns_of_it(
    api: httpx.Client, send: Way, subscriber: Subscriber, code: str, refused: Callable[[str], CommandEnvelope]
) -> None:
    id_ = send(create(new_id())).group_id
    before = shown(api, id_)
    envelope = refused(id_)
    told = send(envelope)
    assert (told.code, told.version) == (code, None)
    assert shown(api, id_) == before
    assert outcome_of(api, told.command_id)["error"]["code"] == code
    rejection = subscriber.of_group(envelope.data["id"], 2 if envelope.data["id"] == id_ else 1)[-1]
    assert rejection["type"] == "ocr_invoice.command.rejected.v1"
    assert rejection["causationid"] == rejection["data"]["commandId"] == told.command_id
    assert (rejection["data"]["error"]["code"], rejection["data"]["commandType"]) == (code, envelope.type)
    assert "sequence" not in rejection


def test_no_word_in_the_metadata_means_anything_to_the_wires(api: httpx.Client, send: Way) -> None:
    metadata = {
        "kombu": [{"__type__": "uuid", "__value__": "no"}, {"__type__": "bytes", "__value__": "b"}],
        "nothing kombu knows": {"__type__": "?", "__value__": 5},
        "celery": {"task": "x", "args": [], "kwargs": {}, "callbacks": [5]},
    }
    told = send(create(new_id(), metadata=metadata))
    assert told.code is None
    assert shown(api, told.group_id)["metadata"] == metadata


def test_a_command_repeated_by_another_way_takes_effect_once(
    either_service: Supervisor, api: httpx.Client, client: Celery, replies: Replies, subscriber: Subscriber
) -> None:
    envelope = create(new_id())
    by_celery = ask(client, envelope)
    again = document(envelope.model_copy(update={"reply_to": replies.channel}))
    publish_document(either_service.settings.require("broker_url"), again)
    (told,) = replies.next_message()
    assert told.pop("group") == shown(api, envelope.data["id"])
    assert told == by_celery == outcome_of(api, envelope.id)
    subscriber.of_group(new_group(api)["id"], 1)  # what comes after all that happened before
    assert len(subscriber.of_group(envelope.data["id"], 1)) == 1


def test_a_positional_argument_is_refused_by_name(api: httpx.Client, client: Celery) -> None:
    id_ = new_id()
    outcome = ask(client, create(id_), args=[id_])
    assert outcome["error"]["code"] == "validation_failed"
    assert [error["field"] for error in outcome["error"]["errors"]] == ["args"]
    assert api.get(f"{GROUPS}/{id_}").status_code == 404


def test_a_keyword_called_self_is_refused_by_name(client: Celery) -> None:
    outcome = ask(client, create(new_id(), self=1))
    assert [error["field"] for error in outcome["error"]["errors"]] == ["self"]


def test_a_document_that_cannot_be_read_is_a_dead_letter_and_the_next_is_handled(
    either_service: Supervisor, replies: Replies
) -> None:
    broker_url = either_service.settings.require("broker_url")
    graveyard = Graveyard(either_service.settings.require("database_url"))
    broken = b'{"id": "' + new_id().encode() + b'", "type": 5'
    good = create(new_id()).model_copy(update={"reply_to": replies.channel})
    publish_document(broker_url, broken)
    publish_document(broker_url, document(good))
    assert replies.next_message()[0]["commandId"] == good.id
    letter = graveyard.next_letter()
    assert (letter["reason"], letter["source"], letter["body"]) == ("invalid_command", "ocr_invoice.intake", broken)
    assert "the document is not JSON" in letter["detail"]
