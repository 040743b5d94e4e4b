"""What could not be carried out is kept, and whoever sent it is answered: both or neither."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

import tasks.handling
from models import names
from models.commands import CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason
from models.outcome import Outcome
from models.store.engine import make_engine
from tasks.dead_letters import bury_command, bury_messages
from tasks.handling import handle
from tests.commands import create, item, new_id, select
from tests.schema_changes import UNLUCKY, failing, for_a_while, unlucky_groups_fail

EXHAUSTED = DeadLetterReason.ATTEMPTS_EXHAUSTED
SECRET = "whsec_dont_tell"
CHANNEL = names.OUTCOME_CHANNEL_PREFIX + "test"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


def rows(database_url: str, table: str) -> list[dict[str, Any]]:
    return select(database_url, f"SELECT * FROM {table} ORDER BY 1")


def counts(database_url: str) -> tuple[int, int, int]:
    return tuple(len(rows(database_url, table)) for table in ("dead_letters", "commands", "events"))  # type: ignore


def code(outcome: Outcome) -> str:
    return outcome.error.code if outcome.error else outcome.status


def batch_letter(*commands: Any) -> DeadLetter:
    body = json.dumps([[], {"commands": commands}, {}]).encode()
    headers = {"id": new_id(), "task": names.HANDLE_BATCH}
    return DeadLetter(DeadLetterReason.DELIVERY_LIMIT, "given up", names.COMMAND_QUEUE, body, headers)


def test_a_dead_command_has_an_outcome_and_an_event(engine: Engine, clean_database: str) -> None:
    envelope = create(new_id()).model_copy(update={"actor": "somebody"})
    outcome = bury_command(engine, envelope, EXHAUSTED, "tried 5 times")
    (letter,), (inbox,), (event,) = (rows(clean_database, table) for table in ("dead_letters", "commands", "events"))
    assert (letter["reason"], letter["detail"], letter["replayed_at"]) == (EXHAUSTED, "tried 5 times", None)
    assert (letter["command_id"], letter["command_type"]) == (envelope.id, envelope.type)
    assert str(letter["group_id"]) == envelope.data["id"]
    assert code(outcome) == "dead_lettered"
    assert outcome.error is not None
    assert str(letter["id"]) in outcome.error.detail
    assert EXHAUSTED in outcome.error.detail
    assert Outcome.model_validate(inbox["outcome"]) == outcome
    assert (event["name"], event["causation_id"], event["actor"]) == ("command.rejected", envelope.id, "somebody")
    assert event["data"]["error"].items() >= inbox["outcome"]["error"].items()
    assert handle(engine, [envelope]) == [outcome]


def test_an_outcome_that_there_is_stays(engine: Engine, clean_database: str) -> None:
    envelope = create(new_id())
    (before,) = handle(engine, [envelope])
    assert bury_command(engine, envelope, EXHAUSTED, "why") == before
    assert code(bury_command(engine, create(new_id(), envelope.id), EXHAUSTED, "why")) == "command_id_reused"
    assert counts(clean_database) == (2, 1, 1)
    assert Outcome.model_validate(rows(clean_database, "commands")[0]["outcome"]) == before


def test_letter_outcome_and_event_are_kept_together_or_not_at_all(engine: Engine, clean_database: str) -> None:
    with failing(clean_database, "BEFORE INSERT ON events", "true"), pytest.raises(DBAPIError, match="not today"):
        bury_command(engine, create(new_id()), EXHAUSTED, "why")
    assert counts(clean_database) == (0, 0, 0)


def test_all_commands_of_a_dead_message_are_answered_and_their_callers_told(
    engine: Engine, redis: Redis, clean_database: str
) -> None:
    done, *waiting = [create(new_id()).model_copy(update={"reply_to": CHANNEL}) for _ in range(3)]
    handle(engine, [done])
    odd = {"id": "odd", "replyTo": CHANNEL}
    with redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(CHANNEL)
        subscription.get_message(timeout=5)
        letters = [batch_letter(*(item(each) for each in (done, *waiting)), odd, 5), batch_letter()]
        outcomes = bury_messages(engine, redis, letters)
        message = subscription.get_message(timeout=5)
    assert [outcome.command_id for outcome in outcomes] == [done.id, *(each.id for each in waiting), "odd"]
    assert [code(outcome) for outcome in outcomes] == ["succeeded", *["dead_lettered"] * 3]
    assert message is not None
    assert [Outcome.model_validate(told) for told in json.loads(message["data"])] == outcomes
    assert counts(clean_database) == (2, 4, 4)
    first = rows(clean_database, "dead_letters")[0]
    assert (first["command_id"], first["command_type"]) == (None, names.HANDLE_BATCH)


def test_a_command_named_twice_in_dead_messages_is_answered_once(engine: Engine, redis: Redis) -> None:
    envelope = create(new_id())
    first, second = bury_messages(engine, redis, [batch_letter(item(envelope)), batch_letter(item(envelope))])
    assert first == second


def test_a_command_that_dies_and_is_carried_out_at_the_same_time_has_one_outcome(
    engine: Engine, clean_database: str
) -> None:
    rounds, writers = 8, 6
    barrier = Barrier(writers)

    def work(number: int, envelope: CommandEnvelope) -> Outcome:
        own = make_engine(clean_database)
        try:
            own.connect().close()
            barrier.wait(10)
            return bury_command(own, envelope, EXHAUSTED, "why") if number % 2 else handle(own, [envelope])[0]
        finally:
            own.dispose()

    with ThreadPoolExecutor(writers) as pool:
        for _ in range(rounds):
            answers = list(pool.map(work, range(writers), [create(new_id())] * writers))
            assert all(answer == answers[0] for answer in answers)
    assert counts(clean_database)[1:] == (rounds, rounds)


def test_an_error_that_quotes_a_secret_gives_it_to_nobody(
    engine: Engine, clean_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> Any:
        raise ValueError(SECRET)

    monkeypatch.setattr(tasks.handling, "decide", faulty)
    with capture_logs() as logs:
        (outcome,) = handle(engine, [create(new_id())])
    assert code(outcome) == "dead_lettered"
    (letter,) = rows(clean_database, "dead_letters")
    assert letter["detail"].startswith("ValueError in faulty, test_dead_letters.py:")
    assert "faulty" in logs[0]["traceback"]
    told = [logs, outcome, *(rows(clean_database, table) for table in ("dead_letters", "commands", "events"))]
    assert SECRET not in repr(told)


@pytest.mark.parametrize("refuse", [unlucky_groups_fail, None], ids=["a fault", "a refusal"])
def test_what_the_database_quotes_of_a_row_is_not_logged(
    engine: Engine, clean_database: str, refuse: Callable[[str], Any] | None
) -> None:
    channel = {"type": "webhook", "url": "https://example.com", "secret": SECRET}
    unlucky = create(new_id(), name=UNLUCKY, notifications={"channels": [channel]})
    constraint = "ALTER TABLE job_groups {} CONSTRAINT lucky"
    check = (constraint.format("ADD") + f" CHECK (name <> '{UNLUCKY}')", constraint.format("DROP"))
    breaking = refuse(clean_database) if refuse else for_a_while(clean_database, *check)
    with breaking, capture_logs() as logs:
        (outcome,) = handle(engine, [unlucky])
    assert code(outcome) == ("dead_lettered" if refuse else "validation_failed")
    assert logs
    assert SECRET not in repr((logs, outcome))
