"""Commands whose message was delivered before: the one that kills its worker ends, the others take effect."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

import tasks.handling
from models.commands import CommandEnvelope
from models.store.attempts import count_attempt, take_back_attempt
from models.store.engine import DatabaseUnavailable, make_engine
from tasks.attempts import MAX_ATTEMPT_COUNT, handle_again
from tasks.handling import handle
from tests.commands import create, new_id, select

KILLER = "kills"
PROCESSES = multiprocessing.get_context("fork")


def count(engine: Engine, command_id: str) -> int:
    with engine.begin() as connection:
        return count_attempt(connection, command_id)


def deliver(url: str, envelopes: Sequence[CommandEnvelope]) -> int | None:
    """Let a process handle a message that was delivered before, and die at its worst command; return its exit code."""

    def work() -> None:
        decide = tasks.handling.decide

        def deadly(loaded: Any, command: Any, now: Any) -> Any:
            if command.name == KILLER:
                os.kill(os.getpid(), signal.SIGKILL)
            return decide(loaded, command, now)

        tasks.handling.decide = deadly
        handle_again(make_engine(url), envelopes)

    process = PROCESSES.Process(target=work)
    process.start()
    process.join(30)
    return process.exitcode


def test_attempts_are_counted_until_there_is_an_outcome(engine: Engine) -> None:
    command = create(new_id())
    assert [count(engine, command.id) for _ in range(3)] == [1, 2, 3]
    handle(engine, [command])
    assert count(engine, command.id) == 0


def test_an_attempt_can_be_taken_back(engine: Engine) -> None:
    assert count(engine, "a") == 1
    with engine.begin() as connection:
        take_back_attempt(connection, "a")
    assert count(engine, "a") == 1


def test_a_command_that_kills_its_worker_ends_and_takes_no_other_along(clean_database: str) -> None:
    killer, good = create(new_id(), name=KILLER), [create(new_id()) for _ in range(4)]
    message = [*good[:2], killer, *good[2:]]

    deaths = [deliver(clean_database, message) for _ in range(MAX_ATTEMPT_COUNT)]
    assert deaths == [-signal.SIGKILL] * MAX_ATTEMPT_COUNT
    assert deliver(clean_database, message) == 0

    outcomes = {row["id"]: row["outcome"] for row in select(clean_database, "SELECT id, outcome FROM commands")}
    assert {id_: outcome["status"] for id_, outcome in outcomes.items()} == {
        **{command.id: "succeeded" for command in good},
        killer.id: "rejected",
    }
    assert outcomes[killer.id]["error"]["code"] == "dead_lettered"
    (letter,) = select(clean_database, "SELECT reason, command_id FROM dead_letters")
    assert letter == {"reason": "attempts_exhausted", "command_id": killer.id}


def test_an_outage_uses_no_attempt_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    command = create(new_id())

    def unavailable(*_: object) -> list[Any]:
        raise DatabaseUnavailable("SELECT", {}, Exception("it went away"))

    with monkeypatch.context() as outage:
        outage.setattr("tasks.attempts.handle", unavailable)
        for _ in range(3 * MAX_ATTEMPT_COUNT):
            with pytest.raises(DatabaseUnavailable):
                handle_again(engine, [command])
    (outcome,) = handle_again(engine, [command])
    assert outcome.status == "succeeded"


def test_what_has_its_outcome_gets_it_again(engine: Engine) -> None:
    commands = [create(new_id()) for _ in range(3)]
    before = handle(engine, commands)
    for _ in range(2 * MAX_ATTEMPT_COUNT):
        assert handle_again(engine, commands) == before
