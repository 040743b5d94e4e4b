"""Dead letters on the command line, without workers: what is sent again can be seen lying in the queue."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from kombu.message import Message
from redis import Redis
from sqlalchemy import Engine

from client.broker import COMMAND_QUEUE, connect
from models import names
from models.commands import CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason
from settings import Settings
from tasks.dead_letters import bury_command, bury_messages
from tasks.handling import handle
from tests.command_line import jobgroups
from tests.commands import create, eventually, fields, item, new_id, select
from tests.contract.http_api import free_port
from tests.schema_changes import failing
from workers.intake_queue import QueueSource

FAILED, ODD = DeadLetterReason.HANDLING_FAILED, DeadLetterReason.INVALID_MESSAGE


@pytest.fixture(params=["redis_url", "rabbitmq_url"])
def settings(request: pytest.FixtureRequest, clean_database: str) -> Iterator[Settings]:
    """The addresses of an empty database, and of a broker whose command queue is empty."""
    broker_url = request.getfixturevalue(request.param)
    empty(broker_url)
    yield Settings(database_url=clean_database, broker_url=broker_url)
    empty(broker_url)


def empty(broker_url: str) -> None:
    """Take out what other tests left."""
    with connect(broker_url) as connection, connection.channel() as channel:
        COMMAND_QUEUE(channel).declare()
        COMMAND_QUEUE(channel).purge()


def take(channel: Any) -> Message | None:
    message: Message | None = COMMAND_QUEUE(channel).get()
    return message


def take_all(broker_url: str) -> list[CommandEnvelope]:
    """Take every command out of the queue."""
    found = []
    with connect(broker_url) as connection, connection.channel() as channel:
        while message := take(channel):
            found += [CommandEnvelope.model_validate(each) for each in message.payload[1]["commands"]]
            message.ack()
    return found


def sent(settings: Settings) -> list[CommandEnvelope]:
    return take_all(settings.require("broker_url"))


def letters(settings: Settings) -> list[dict[str, Any]]:
    return select(settings.require("database_url"), "SELECT * FROM dead_letters ORDER BY id")


def replayed(settings: Settings) -> list[bool]:
    return [letter["replayed_at"] is not None for letter in letters(settings)]


def ids(settings: Settings) -> list[str]:
    return [str(letter["id"]) for letter in letters(settings)]


def outcomes(settings: Settings) -> dict[str, str]:
    found = select(settings.require("database_url"), "SELECT id, outcome FROM commands")
    return {row["id"]: row["outcome"].get("error", {}).get("code", "succeeded") for row in found}


def replay(settings: Settings, *arguments: str, **more: Any) -> int:
    return jobgroups(settings, "dead-letters", "replay", *arguments, **more).exit_code


def die(engine: Engine, count: int = 1, reason: DeadLetterReason = FAILED) -> list[CommandEnvelope]:
    commands = [create(new_id()) for _ in range(count)]
    for command in commands:
        bury_command(engine, command, reason, "why")
    return commands


def bury_odd(engine: Engine, redis_url: str, body: Any, **headers: Any) -> None:
    letter = DeadLetter(ODD, "why", names.COMMAND_QUEUE, json.dumps(body).encode(), headers)
    with Redis.from_url(redis_url) as redis:
        bury_messages(engine, redis, [letter])


def test_a_replayed_command_loses_its_death_and_is_sent_under_its_id(settings: Settings, engine: Engine) -> None:
    first, second = die(engine, 2)
    assert replay(settings, ids(settings)[1]) == 0
    assert sent(settings) == [second]
    assert outcomes(settings) == {first.id: "dead_lettered"}
    assert replayed(settings) == [False, True]
    (outcome,) = handle(engine, [second])
    assert outcome.status == "succeeded"


def test_a_replay_that_dies_before_it_is_marked_can_be_repeated(settings: Settings, engine: Engine) -> None:
    (command,) = die(engine)
    with failing(settings.require("database_url"), "BEFORE UPDATE ON dead_letters", "true"):
        assert replay(settings, *ids(settings)) == 1
    assert replayed(settings) == [False]
    assert replay(settings, *ids(settings)) == 0
    assert replay(settings, *ids(settings)) == 0
    assert replayed(settings) == [True]
    again = sent(settings)
    assert again == [command] * 3
    assert {outcome.status for outcome in handle(engine, again)} == {"succeeded"}
    assert len(select(settings.require("database_url"), "SELECT FROM events WHERE name = 'job_group.created'")) == 1


def test_a_replay_without_a_broker_says_so_and_can_be_repeated(settings: Settings, engine: Engine) -> None:
    (command,) = die(engine)
    scheme = settings.require("broker_url").partition(":")[0]
    nobody = f"{scheme}://127.0.0.1:{free_port()}//"
    result = jobgroups(settings, "dead-letters", "replay", *ids(settings), broker_url=nobody)
    assert (result.exit_code, replayed(settings)) == (7, [False])
    assert "the broker did not confirm" in result.stderr
    assert replay(settings, *ids(settings)) == 0
    assert sent(settings) == [command]


def test_an_outcome_of_another_kind_survives_a_replay(settings: Settings, engine: Engine) -> None:
    command = create(new_id())
    (before,) = handle(engine, [command])
    bury_command(engine, command, FAILED, "why")
    assert replay(settings, *ids(settings)) == 0
    assert outcomes(settings) == {command.id: "succeeded"}
    assert handle(engine, sent(settings)) == [before]


def test_all_or_those_of_one_reason_are_replayed_once_oldest_first(settings: Settings, engine: Engine) -> None:
    exhausted = DeadLetterReason.ATTEMPTS_EXHAUSTED
    older, killers, newer = die(engine), die(engine, 2, exhausted), die(engine)
    assert replay(settings, "--all", typed="n\n") == 1
    assert sent(settings) == []
    assert replay(settings, "--reason", exhausted, typed="y\n") == 0
    assert sent(settings) == killers
    assert replay(settings, "--all", "--yes") == 0
    assert sent(settings) == [*older, *newer]
    assert replay(settings, "--all") == 0
    assert sent(settings) == []


def test_a_letter_without_a_command_is_left_and_the_others_are_sent(
    settings: Settings, engine: Engine, redis_url: str
) -> None:
    bury_odd(engine, redis_url, 5, id="x", task=names.JOB_ADD)
    deep = json.loads('{"a": ' * 120 + "1" + "}" * 120)
    bury_odd(engine, redis_url, [[], deep, {}], id="y", task=names.JOB_ADD)
    (command,) = die(engine)
    result = jobgroups(settings, "dead-letters", "replay", "--all", "--yes")
    assert result.exit_code == 8
    assert result.stderr.count("no command can be read in it (invalid_message: why)") == 2
    assert "Replayed 1 of 3." in result.stdout
    assert sent(settings) == [command]
    assert replayed(settings) == [False, False, True]
    assert outcomes(settings) == {"x": "dead_lettered", "y": "dead_lettered"}


def test_a_task_message_with_a_schedule_is_replayed_without_it(
    settings: Settings, engine: Engine, redis_url: str
) -> None:
    id_, data = new_id(), fields()
    bury_odd(engine, redis_url, [[], data, {}], id=id_, task=names.JOB_GROUP_CREATE, eta="9999-12-31", actor="me")
    assert replay(settings, *ids(settings)) == 0
    assert sent(settings) == [CommandEnvelope(id=id_, type=names.JOB_GROUP_CREATE, data=data, actor="me")]


def test_nothing_is_sent_where_a_letter_is_missing(settings: Settings, engine: Engine) -> None:
    die(engine)
    missing = new_id()
    result = jobgroups(settings, "dead-letters", "replay", *ids(settings), missing)
    assert (result.exit_code, sent(settings)) == (3, [])
    assert missing in result.stderr
    assert ids(settings)[0] not in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--all", "--reason", "undecodable"], [new_id(), "--all"], ["no-id"]])
def test_what_to_replay_must_be_said_in_one_way(settings: Settings, arguments: Sequence[str]) -> None:
    assert replay(settings, *arguments) == 2


def test_a_batch_that_rabbitmq_gave_up_is_replayed_whole(
    clean_database: str, rabbitmq_url: str, redis_url: str, engine: Engine
) -> None:
    settings = Settings(database_url=clean_database, broker_url=rabbitmq_url)
    commands = [create(new_id()) for _ in range(3)]
    source = QueueSource(rabbitmq_url)  # before the message dies: the dead letters' queue is its to declare
    try:
        publish_and_give_up(rabbitmq_url, commands)
        (received,) = eventually(source.receive)
        assert received.dead is not None
        with Redis.from_url(redis_url) as redis:
            bury_messages(engine, redis, [received.dead])
        source.acknowledge([received])
    finally:
        source.close()
    assert [letter["reason"] for letter in letters(settings)] == ["delivery_limit"]
    assert outcomes(settings) == {command.id: "dead_lettered" for command in commands}
    assert replay(settings, *ids(settings)) == 0
    again = sent(settings)
    assert again == commands
    assert [outcome.status for outcome in handle(engine, again)] == ["succeeded"] * 3


def publish_and_give_up(rabbitmq_url: str, commands: Sequence[CommandEnvelope]) -> None:
    """Send one batch, and hand it back until the broker has enough of it: soon, in a queue of less patience."""
    body = [[], {"commands": [item(command) for command in commands]}, {}]
    with connect(rabbitmq_url) as connection, connection.channel() as channel:
        impatient = COMMAND_QUEUE(channel)
        impatient.delete()
        impatient.queue_arguments = {**COMMAND_QUEUE.queue_arguments, "x-delivery-limit": 2}
        impatient.declare()
        producer = connection.Producer(channel)
        producer.publish(body, routing_key=COMMAND_QUEUE.name, headers={"id": new_id(), "task": names.HANDLE_BATCH})
        for _ in range(3):
            eventually(lambda: take(channel)).reject(requeue=True)
        eventually(lambda: not impatient.queue_declare(passive=True).message_count)
        impatient.delete()
        COMMAND_QUEUE(channel).declare()


def test_the_list_shows_the_newest_first_in_pages(clean_database: str, redis_url: str, engine: Engine) -> None:
    settings = Settings(database_url=clean_database, broker_url=redis_url)
    die(engine, 3)
    die(engine, 2, DeadLetterReason.ATTEMPTS_EXHAUSTED)
    newest_first = ids(settings)[::-1]

    def listed(*arguments: str) -> list[str]:
        result = jobgroups(settings, "dead-letters", "list", "--json", *arguments)
        assert result.exit_code == 0, result.output
        return [letter["id"] for letter in json.loads(result.stdout)]

    assert listed() == newest_first
    assert listed("--limit", "2") == newest_first[:2]
    assert listed("--limit", "2", "--before", newest_first[1]) == newest_first[2:4]
    assert listed("--reason", FAILED) == newest_first[2:]
    assert listed("--reason", "undecodable") == []
    table = jobgroups(settings, "dead-letters", "list", "--limit", "4").stdout
    assert all(id_ in table for id_ in newest_first[:4])
    assert newest_first[4] not in table
    assert "4 of 5" in table


def test_a_letter_is_shown_without_its_secrets(clean_database: str, redis_url: str, engine: Engine) -> None:
    settings = Settings(database_url=clean_database, broker_url=redis_url)
    channel = {"type": "webhook", "url": "https://example.com", "secret": "whsec_dont_tell"}
    command = create(new_id(), notifications={"channels": [channel]})
    bury_command(engine, command, FAILED, "why")
    result = jobgroups(settings, "dead-letters", "show", *ids(settings))
    shown = json.loads(result.stdout)
    assert (shown["reason"], shown["detail"], shown["commandId"]) == (FAILED, "why", command.id)
    assert shown["body"]["data"]["notifications"]["channels"] == [{**channel, "secret": "***"}]
    assert "whsec" not in result.stdout
    assert b"whsec" in letters(settings)[0]["body"]
    assert jobgroups(settings, "dead-letters", "show", new_id()).exit_code == 3


def test_what_is_discarded_is_gone_and_the_outcome_stays(clean_database: str, redis_url: str, engine: Engine) -> None:
    settings = Settings(database_url=clean_database, broker_url=redis_url)
    commands = die(engine, 3)
    first, second, third = ids(settings)
    assert jobgroups(settings, "dead-letters", "discard", first, third).exit_code == 0
    assert ids(settings) == [second]
    assert jobgroups(settings, "dead-letters", "discard", first, second).exit_code == 3
    assert ids(settings) == []
    assert outcomes(settings) == {command.id: "dead_lettered" for command in commands}
