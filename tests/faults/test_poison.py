"""Commands that are fatal to whoever carries them out, or too large for anybody."""

from collections.abc import Sequence
from typing import Any

import pytest

from models import names
from models.commands import CommandEnvelope
from tests.commands import create, new_id, select
from tests.faults import poison
from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage
from tests.faults.sending import send
from tests.faults.stage import Stage

PAUSE_SECONDS = 0.02
HANGING_SECONDS = 300.0
"""A command that hangs is found out only when the time limit of its task (30 s) has passed, six times."""
COMPANION_COUNT = 20

DECISIONS = {"worker": Sabotage(mutations=("fatal_decisions",))}


@pytest.mark.quick("redis")
def test_command_that_kills(open_stage: OpenStage) -> None:
    """a command amid a batch that kills its pool child each time it is decided"""
    with open_stage(sabotage=DECISIONS) as s:
        s.load.start()
        killer = _send_amid_others(s, poison.KILLS)
        _expect_dead(s, [killer], "attempts_exhausted")


def test_five_that_kill(open_stage: OpenStage) -> None:
    """five commands that kill their pool children, at once, in different batches"""
    with open_stage(sabotage=DECISIONS) as s:
        s.load.start()
        killers = [_send_amid_others(s, poison.KILLS) for _ in range(5)]
        _expect_dead(s, killers, "attempts_exhausted")


def test_five_that_kill_in_one_batch(open_stage: OpenStage) -> None:
    """five commands that kill their pool children, in one batch"""
    with open_stage(sabotage=DECISIONS) as s:
        s.load.start()
        killers = [create(new_id(), name=poison.KILLS) for _ in range(5)]
        send(s, [command for killer in killers for command in (*_companions(3), killer, *_companions(3))])
        _expect_dead(s, killers, "attempts_exhausted")


def test_task_that_kills(open_stage: OpenStage) -> None:
    """a Celery client's own task that kills its pool child each time it is decided"""
    with open_stage(sabotage=DECISIONS) as s:
        s.load.start()
        killer = create(new_id(), name=poison.KILLS)
        send(s, [killer], "task")
        _expect_dead(s, [killer], "attempts_exhausted")


def test_command_that_hangs(open_stage: OpenStage) -> None:
    """a command amid a batch that never comes to an end, each time (recovery: six times the time limit of 30 s)"""
    with open_stage(sabotage=DECISIONS, task_time_limit_seconds=30) as s:
        s.load.start()
        hanging = _send_amid_others(s, poison.HANGS)
        _expect_dead(s, [hanging], "attempts_exhausted", HANGING_SECONDS)


def test_command_that_exhausts_the_memory(open_stage: OpenStage) -> None:
    """a command amid a batch that takes all memory of its pool child each time it is decided"""
    with open_stage(sabotage=DECISIONS) as s:
        main = s.actors["worker"].pid
        s.load.start()
        glutton = _send_amid_others(s, poison.EXHAUSTS)
        _expect_dead(s, [glutton])
        assert s.actors["worker"].pid == main, "the worker's main process died"


def test_command_that_exhausts_the_memory_of_its_reader(open_stage: OpenStage) -> None:
    """a command amid a batch that takes all memory of its pool child each time it is read, before any transaction"""
    with open_stage(sabotage={"worker": Sabotage(mutations=("fatal_reading",))}) as s:
        main = s.actors["worker"].pid
        s.load.start()
        glutton = _send_amid_others(s, poison.EXHAUSTS_READING)
        _expect_dead(s, [glutton])
        assert s.actors["worker"].pid == main, "the worker's main process died"


@pytest.mark.quick("rabbitmq")
def test_result_that_exhausts_the_memory(open_stage: OpenStage) -> None:
    """a task after whose commit Celery finds no memory to keep its result, each time"""
    with open_stage(sabotage={"worker": Sabotage(mutations=("fatal_results",))}) as s:
        main = s.actors["worker"].pid
        s.load.start()
        glutton = create(new_id(), name=poison.EXHAUSTS_CELERY)
        send(s, [glutton], "task")
        s.expect_all_invariants()
        assert _outcome(s, glutton)["status"] == "succeeded"
        assert s.actors["worker"].pid == main, "the worker's main process died"


def _companions(count: int = COMPANION_COUNT) -> list[CommandEnvelope]:
    return [create(new_id(), name="companion") for _ in range(count)]


def _send_amid_others(s: Stage, name: str) -> CommandEnvelope:
    """Send, in one message, a command to make a group of that name and others before and after it."""
    marked = create(new_id(), name=name)
    send(s, [*_companions(), marked, *_companions()])
    return marked


def _expect_dead(s: Stage, marked: Sequence[CommandEnvelope], reason: str = "", seconds: float = 60.0) -> None:
    """The marked commands end as dead letters and their callers are told; everything else takes effect."""
    dead = [command.id for command in marked]
    s.healed()
    s.expect_all_invariants(within_seconds=seconds, dead=dead)
    letters = select(s.database_url, "SELECT command_id, reason FROM dead_letters")
    assert sorted(letter["command_id"] for letter in letters) == sorted(dead)
    s.figures["reasons"] = sorted({letter["reason"] for letter in letters})
    assert not reason or s.figures["reasons"] == [reason]
    for command in marked:
        assert _outcome(s, command)["error"]["code"] == "dead_lettered"
        assert _rejections(s, command) == 1
    others = s.accepted_elsewhere.difference(dead)
    assert all(_outcome_of(s, id_)["status"] == "succeeded" for id_ in others)


def _outcome(s: Stage, command: CommandEnvelope) -> dict[str, Any]:
    return _outcome_of(s, command.id)


def _outcome_of(s: Stage, command_id: str) -> dict[str, Any]:
    (row,) = select(s.database_url, "SELECT outcome FROM commands WHERE id = :id", id=command_id)
    outcome: dict[str, Any] = row["outcome"]
    return outcome


def _rejections(s: Stage, command: CommandEnvelope) -> int:
    sql = "SELECT count(*) FROM events WHERE causation_id = :id AND name = :name"
    (row,) = select(s.database_url, sql, id=command.id, name=names.COMMAND_REJECTED)
    return int(row["count"])
