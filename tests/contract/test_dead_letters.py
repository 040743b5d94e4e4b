"""What could not be carried out: its sender is told, everybody can look, and a replay makes it good."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from celery import Celery
from kombu import Connection, Producer

from models import names
from models.commands import CommandEnvelope
from models.dead_letter_resource import DeadLetterDocument, DeadLetterResource
from tests.command_line import jobgroups
from tests.commands import Graveyard, Subscriber, ask, create, eventually, fields, item, new_id
from tests.contract.http_api import GROUPS, Service, client_of, problem_of, wrong_fields
from tests.contract.test_commands_three_ways import publish_document
from tests.schema_changes import UNLUCKY, unlucky_groups_fail
from workers.supervision.supervisor import Supervisor

SECRET = "whsec_dont_tell"
CHANNEL = {"type": "webhook", "url": "https://example.com", "secret": SECRET}
LETTERS = "/dead-letters"
FAR_AWAY = "9999-12-31T23:59:59+00:00"


@pytest.fixture
def database_url(either_service: Supervisor) -> str:
    return either_service.settings.require("database_url")


@pytest.fixture
def graveyard(database_url: str) -> Graveyard:
    return Graveyard(database_url)


@pytest.fixture
def rejections(either_service: Supervisor) -> Iterator[Subscriber]:
    with Subscriber(either_service.settings.require("broker_url"), names.COMMAND_REJECTED) as subscriber:
        yield subscriber


def outcome_of(api: httpx.Client, command_id: str) -> dict[str, Any]:
    """Return the outcome of a command, once it has one."""

    def look() -> Any:
        answer = api.get(f"/commands/{command_id}")
        return answer.status_code == 200 and answer.json()["data"]

    outcome: dict[str, Any] = eventually(look)
    return outcome


def assert_it_is_dead(outcome: dict[str, Any], letter: dict[str, Any], rejections: Subscriber) -> None:
    assert (outcome["status"], outcome["error"]["code"]) == ("rejected", "dead_lettered")
    assert str(letter["id"]) in outcome["error"]["detail"]
    assert letter["reason"] in outcome["error"]["detail"]
    (event,) = rejections.receive(1, lambda event: event["causationid"] == outcome["commandId"])
    assert event["data"]["error"]["detail"] == outcome["error"]["detail"]


def replay(service: Supervisor, letter: dict[str, Any]) -> None:
    result = jobgroups(service.settings, "dead-letters", "replay", str(letter["id"]))
    assert result.exit_code == 0, result.output


def publish(service: Supervisor, body: Any, **headers: Any) -> None:
    """Put a task message into the command queue."""
    with Connection(service.settings.require("broker_url")) as connection:
        Producer(connection.channel()).publish(body, routing_key=names.COMMAND_QUEUE, headers=headers)


def test_a_waiting_caller_is_told_and_gets_the_group_once_the_cause_is_gone(
    either_service: Supervisor, api: httpx.Client, database_url: str, graveyard: Graveyard, rejections: Subscriber
) -> None:
    key = new_id()

    def post() -> httpx.Response:
        body = {**fields(name=UNLUCKY), "notifications": {"channels": [CHANNEL]}}
        return api.post(GROUPS, json=body, headers={"Idempotency-Key": key})

    with unlucky_groups_fail(database_url):
        problem = problem_of(post(), 409, "dead_lettered")
        problem_of(post(), 409, "dead_lettered")
    (letter,) = graveyard.letters()
    assert str(letter["id"]) in problem["detail"]
    assert_it_is_dead(outcome_of(api, letter["command_id"]), letter, rejections)
    assert SECRET not in repr([rejections.messages[0].body, letter["detail"], problem])
    replay(either_service, letter)
    created = eventually(lambda: (answer := post()).status_code == 201 and answer)
    assert created.json()["data"]["version"] == 1
    outcome = outcome_of(api, letter["command_id"])
    assert (outcome["status"], outcome["groupId"]) == ("succeeded", created.json()["data"]["id"])


def test_a_celery_client_gets_the_outcome_as_its_result(
    either_service: Supervisor,
    api: httpx.Client,
    client: Celery,
    database_url: str,
    graveyard: Graveyard,
    rejections: Subscriber,
) -> None:
    unlucky = create(new_id(), name=UNLUCKY)
    with unlucky_groups_fail(database_url):
        outcome = ask(client, unlucky)
    (letter,) = graveyard.letters()
    assert letter["reason"] == "handling_failed"
    assert_it_is_dead(outcome, letter, rejections)
    replay(either_service, letter)
    assert succeeds(api, unlucky) == 1


def test_a_header_that_no_command_can_have_leaves_somebody_to_answer(
    client: Celery, graveyard: Graveyard, rejections: Subscriber
) -> None:
    outcome = ask(client, create(new_id()), headers={"actor": {"a": 5}})
    assert_it_is_dead(outcome, graveyard.next_letter(), rejections)


def test_of_a_batch_only_what_meets_the_fault_dies(
    either_service: Supervisor, api: httpx.Client, client: Celery, database_url: str, graveyard: Graveyard
) -> None:
    batch = [create(new_id()), create(new_id(), name=UNLUCKY), create(new_id())]
    with unlucky_groups_fail(database_url):
        client.send_task(names.HANDLE_BATCH, kwargs={"commands": [item(each) for each in batch]}, ignore_result=True)
        outcomes = [outcome_of(api, each.id) for each in batch]
    assert [outcome["status"] for outcome in outcomes] == ["succeeded", "rejected", "succeeded"]
    (letter,) = graveyard.letters()
    replay(either_service, letter)
    eventually(lambda: api.get(f"/commands/{batch[1].id}").json().get("data", {}).get("status") == "succeeded")


def test_all_commands_of_a_batch_that_came_wrong_are_answered_and_replayed(
    either_service: Supervisor, api: httpx.Client, graveyard: Graveyard, rejections: Subscriber
) -> None:
    batch = [create(new_id()) for _ in range(3)]
    body = [[], {"commands": [item(each) for each in batch]}, {}]
    publish(either_service, body, id=new_id(), task=names.HANDLE_BATCH, eta=FAR_AWAY)
    letter = graveyard.next_letter()
    for each in batch:
        assert_it_is_dead(outcome_of(api, each.id), letter, rejections)
    replay(either_service, letter)
    assert [succeeds(api, each) for each in batch] == [1, 1, 1]
    assert len(graveyard.letters()) == 1


def succeeds(api: httpx.Client, envelope: CommandEnvelope) -> int:
    """Return the version that the command made, once it is carried out."""
    group = eventually(lambda: (found := api.get(f"{GROUPS}/{envelope.data['id']}")).status_code == 200 and found)
    version: int = group.json()["data"]["version"]
    assert outcome_of(api, envelope.id)["status"] == "succeeded"
    return version


@pytest.mark.parametrize(
    ("task", "body", "reason"),
    [
        ("job_group.explode", [[], {}, {}], "unknown_task"),
        (names.JOB_GROUP_CREATE, 5, "invalid_message"),
        (names.JOB_GROUP_CREATE, [[], fields(), {"chain": ["x"]}], "invalid_message"),
    ],
)
def test_the_sender_of_a_message_that_is_no_task_is_answered(
    either_service: Supervisor,
    api: httpx.Client,
    graveyard: Graveyard,
    rejections: Subscriber,
    task: str,
    body: Any,
    reason: str,
) -> None:
    id_ = new_id()
    publish(either_service, body, id=id_, task=task)
    outcome = outcome_of(api, id_)
    letter = graveyard.next_letter()
    assert (letter["reason"], outcome["type"]) == (reason, task)
    assert_it_is_dead(outcome, letter, rejections)


def test_the_sender_of_a_document_that_is_no_command_is_answered(
    either_service: Supervisor, api: httpx.Client, graveyard: Graveyard, rejections: Subscriber
) -> None:
    id_ = new_id()
    publish_document(either_service.settings.require("broker_url"), json.dumps({"id": id_, "data": 5}).encode())
    assert_it_is_dead(outcome_of(api, id_), graveyard.next_letter(), rejections)


@pytest.fixture(scope="module")
def redis_api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def five_letters(service: Supervisor) -> list[str]:
    """The ids of five letters, newest first; two of them died of an unknown task. The oldest holds a secret."""
    graveyard = Graveyard(service.settings.require("database_url"))
    data = fields(notifications={"channels": [CHANNEL]})
    represented = {"kwargsrepr": repr(data), "lang": "py"}
    publish(service, [[], data, {}], id=new_id(), task=names.JOB_GROUP_CREATE, eta=FAR_AWAY, **represented)
    for number, task in enumerate([names.JOB_ADD, "job_group.explode"] * 2, 2):
        publish(service, [[], {}] if task == names.JOB_ADD else [[], {}, {}], id=new_id(), task=task)
        eventually(lambda wanted=number: len(graveyard.letters()) == wanted)
    return [str(letter["id"]) for letter in reversed(graveyard.letters())]


def listed(api: httpx.Client, **parameters: Any) -> list[dict[str, Any]]:
    answer = api.get(LETTERS, params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def ids(letters: list[dict[str, Any]]) -> list[str]:
    return [letter["id"] for letter in letters]


def test_the_list_shows_the_newest_first_in_pages(redis_api: httpx.Client, five_letters: list[str]) -> None:
    assert ids(listed(redis_api, limit=5)) == five_letters
    assert ids(listed(redis_api, limit=2, offset=1)) == five_letters[1:3]
    following = redis_api.get(redis_api.get(LETTERS, params={"limit": 2}).links["next"]["url"])
    assert ids(following.json()["data"]) == five_letters[2:4]
    unknown = listed(redis_api, limit=2, reason="unknown_task")
    assert ids(unknown) == [five_letters[0], five_letters[2]]
    total = redis_api.get(LETTERS, params={"limit": 1}).json()["total"]
    assert total >= 5
    assert len(listed(redis_api, limit=100, offset=total - 1)) == 1
    assert set(unknown[0]) == {str(field.alias) for field in DeadLetterResource.model_fields.values()}


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("offset=-1", "offset"), ("reason=bad+luck", "reason"), ("sort=id", "sort")],
)
def test_a_wrong_parameter_is_named(redis_api: httpx.Client, query: str, field: str) -> None:
    assert wrong_fields(redis_api.get(f"{LETTERS}?{query}")) == {field}


def test_a_letter_shows_its_message_without_the_secrets(redis_api: httpx.Client, five_letters: list[str]) -> None:
    answer = redis_api.get(f"{LETTERS}/{five_letters[-1]}")
    letter = answer.json()["data"]
    assert set(letter) == {str(field.alias) for field in DeadLetterDocument.model_fields.values()}
    assert (letter["reason"], letter["bodyForm"], letter["bodyComplete"]) == ("invalid_message", "json", True)
    assert letter["body"][1]["notifications"]["channels"] == [{**CHANNEL, "secret": "***"}]
    assert letter["headers"]["eta"] == FAR_AWAY
    assert letter["headers"]["kwargsrepr"] == "***"
    assert SECRET not in answer.text


def test_every_letter_of_the_service_can_be_read(redis_api: httpx.Client, five_letters: list[str]) -> None:
    for letter in listed(redis_api, limit=100):
        shown = redis_api.get(f"{LETTERS}/{letter['id']}")
        assert shown.status_code == 200
        assert shown.json()["data"].items() >= letter.items()


def test_a_letter_that_is_not_there_is_not_found(redis_api: httpx.Client, service: Service) -> None:
    problem_of(redis_api.get(f"{LETTERS}/{new_id()}"), 404, "not_found")
    assert wrong_fields(redis_api.get(f"{LETTERS}/x")) == {"id"}
    with client_of(service.url, None) as stranger:
        problem_of(stranger.get(LETTERS), 401, "unauthorized")
        problem_of(stranger.get(f"{LETTERS}/{new_id()}"), 401, "unauthorized")
