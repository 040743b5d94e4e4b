"""Many commands in one message: in order, each with its own outcome."""

from collections.abc import Sequence
from typing import Any

import httpx
import orjson
from celery import Celery
from redis import Redis

from models.commands import MAX_BATCH_COUNT
from tests.commands import (
    Graveyard,
    Subscriber,
    command,
    create,
    eventually,
    item,
    new_id,
    patch,
    update,
)
from tests.contract.http_api import GROUPS
from tests.contract.told import Replies, Told, shown
from workers.supervision.supervisor import Supervisor


def send_batch(client: Celery, commands: Sequence[Any]) -> None:
    client.send_task("command.handle_batch", kwargs={"commands": list(commands)}, ignore_result=True)


def test_a_batch_is_carried_out_in_order_and_answered_in_one_message(
    api: httpx.Client, client: Celery, replies: Replies, subscriber: Subscriber
) -> None:
    id_ = new_id()
    first = create(id_)
    batch = [
        first,
        patch(id_, {"tags": ["a"]}),
        patch(id_, {"tags": ["b"]}, expectedVersion=1),
        command("job_group.explode", {"id": id_}),
        update(id_, name="last"),
        first,
        patch(id_, {"priority": 5}),
    ]
    send_batch(client, [item(envelope.model_copy(update={"reply_to": replies.channel})) for envelope in batch])
    outcomes = replies.next_message()
    assert [outcome["commandId"] for outcome in outcomes] == [envelope.id for envelope in batch]
    assert [Told.by(outcome).code or outcome["version"] for outcome in outcomes] == [
        *(1, 2, "version_conflict", "validation_failed", 3, 1, "validation_failed")
    ]
    assert replies.nothing_more()
    assert (shown(api, id_)["name"], shown(api, id_)["version"]) == ("last", 3)
    causes = [event["causationid"] for event in subscriber.of_group(id_, 6)]
    assert causes == [envelope.id for envelope in [*batch[:5], batch[6]]]


def test_each_caller_of_a_batch_is_told_its_own_outcomes(client: Celery, either_service: Supervisor) -> None:
    with Redis.from_url(either_service.settings.require("redis_url")) as redis:
        callers = [Replies(redis), Replies(redis)]
        batch = [create(new_id()) for _ in range(6)]
        channels = [callers[number % 2].channel for number in range(6)]
        addressed = zip(batch, channels, strict=True)
        send_batch(client, [item(envelope.model_copy(update={"reply_to": channel})) for envelope, channel in addressed])
        for number, caller in enumerate(callers):
            assert {outcome["status"] for outcome in caller.of(batch[number::2])} == {"succeeded"}
            assert caller.nothing_more()
            caller.close()


def test_a_batch_may_be_as_long_as_the_limit(client: Celery, replies: Replies, subscriber: Subscriber) -> None:
    batch = [create(new_id()).model_copy(update={"reply_to": replies.channel}) for _ in range(MAX_BATCH_COUNT)]
    send_batch(client, [item(envelope) for envelope in batch])
    assert {outcome["status"] for outcome in replies.of(batch)} == {"succeeded"}
    mine = {envelope.id for envelope in batch}
    events = subscriber.receive(MAX_BATCH_COUNT, lambda event: event["causationid"] in mine)
    assert {event["causationid"] for event in events} == mine


def test_a_longer_batch_is_a_dead_letter(either_service: Supervisor, api: httpx.Client, client: Celery) -> None:
    graveyard = Graveyard(either_service.settings.require("database_url"))
    batch = [create(new_id()) for _ in range(MAX_BATCH_COUNT + 1)]
    send_batch(client, [item(envelope) for envelope in batch])
    letter = graveyard.next_letter()
    assert (letter["reason"], letter["source"]) == ("invalid_command", "ocr_invoice.commands")
    assert str(MAX_BATCH_COUNT) in letter["detail"]
    assert len(orjson.loads(letter["body"])) == len(batch)
    assert api.get(f"{GROUPS}/{batch[0].data['id']}").status_code == 404


def test_an_item_that_is_no_command_costs_only_itself(
    either_service: Supervisor, client: Celery, replies: Replies
) -> None:
    graveyard = Graveyard(either_service.settings.require("database_url"))
    good = [create(new_id()).model_copy(update={"reply_to": replies.channel}) for _ in range(2)]
    strange: list[Any] = [5, {"id": "", "type": "job_group.create", "data": {}}, {"type": "job_group.create"}]
    send_batch(client, [item(good[0]), *strange, item(good[1])])
    assert {outcome["status"] for outcome in replies.of(good)} == {"succeeded"}
    # The good ones are told before the others are kept.
    letters = eventually(lambda: len(found := graveyard.letters()) == len(strange) and found)
    assert sorted(str(orjson.loads(letter["body"])) for letter in letters) == sorted(map(str, strange))
    assert {letter["reason"] for letter in letters} == {"invalid_command"}
