"""What is larger than the service takes, by every way in."""

import time

from celery import Celery

from client.broker import celery_settings
from models import names
from models.commands import MAX_BATCH_BYTES, MAX_COMMAND_BYTES, CommandEnvelope
from tests.commands import create, eventually, item, new_id, select
from tests.contract.http_api import GROUPS, client_of
from tests.faults.callers import start_api
from tests.faults.conftest import OpenStage
from tests.faults.plan import Channel
from tests.faults.sending import send
from tests.faults.stage import API_KEY, Stage

PAUSE_SECONDS = 0.05
HUGE_BYTES = 64 * 1024 * 1024
NEXT_SECONDS = 5.0
"""How soon the next good command has its outcome."""
CHANNELS: tuple[Channel, ...] = ("task", "batch", "intake")


def test_large_commands(open_stage: OpenStage) -> None:
    """commands beyond 256 KiB, as task, in a batch, through the intake and over HTTP"""
    with open_stage(pause_seconds=PAUSE_SECONDS) as s:
        url = start_api(s)
        s.load.start()
        for channel in CHANNELS:
            large = _padded(MAX_COMMAND_BYTES)
            send(s, [large], channel)
            _expect_good(s)
            assert _error(s, large.id) == "payload_too_large"
        with client_of(url, API_KEY) as client:
            answer = client.post(GROUPS, json=_padded(MAX_COMMAND_BYTES).data)
            s.http_statuses.update([answer.status_code])
            assert answer.status_code == 413
        _expect_good(s)
        s.expect_all_invariants()


def test_large_batch(open_stage: OpenStage) -> None:
    """a batch beyond 4 MiB, of commands that would each do"""
    with open_stage(pause_seconds=PAUSE_SECONDS) as s:
        pid = s.actors["worker"].pid
        s.load.start()
        commands = [_padded(MAX_COMMAND_BYTES // 2) for _ in range(2 * MAX_BATCH_BYTES // MAX_COMMAND_BYTES + 1)]
        celery = Celery("large", set_as_current=False)
        celery.conf.update(celery_settings(s.broker_url))
        s.wait_for_outcomes(0.01)  # the queue is there
        celery.send_task(names.HANDLE_BATCH, kwargs={"commands": [item(command) for command in commands]})
        celery.close()
        s.accepted_elsewhere |= {command.id for command in commands}
        _expect_good(s)
        s.expect_all_invariants(unknown_dead_count=1)
        assert {_error(s, command.id) for command in commands} == {"dead_lettered"}
        assert s.actors["worker"].pid == pid, "the worker's main process died"


def test_huge_messages(open_stage: OpenStage) -> None:
    """64 MiB on the queue of commands, and as much through the intake"""
    with open_stage(pause_seconds=PAUSE_SECONDS) as s:
        pids = {kind: s.actors[kind].pid for kind in ("worker", "intake")}
        s.load.start()
        s.wait_for_outcomes(0.01)
        by_queue, by_intake = _padded(HUGE_BYTES), _padded(HUGE_BYTES)
        send(s, [by_queue], "task")
        _expect_good(s)
        send(s, [by_intake], "intake")
        _expect_good(s)
        dead = [by_queue.id, by_intake.id]
        s.healed()
        s.expect_all_invariants(dead=dead)
        assert {_error(s, id_) for id_ in dead} == {"dead_lettered"}
        assert pids == {kind: s.actors[kind].pid for kind in pids}, "a process died"


def _padded(size_bytes: int) -> CommandEnvelope:
    return create(new_id(), metadata={"padding": "x" * size_bytes})


def _expect_good(s: Stage) -> None:
    for channel in CHANNELS:
        good = create(new_id())
        send(s, [good], channel)
        sent_at = time.monotonic()
        eventually(lambda good=good: _found(s, good.id), NEXT_SECONDS)
        taken = round(time.monotonic() - sent_at, 2)
        s.figures["slowest_next_seconds"] = max(taken, s.figures.get("slowest_next_seconds", 0.0))


def _found(s: Stage, command_id: str) -> list[dict[str, object]]:
    return select(s.database_url, "SELECT outcome FROM commands WHERE id = :id", id=command_id)


def _error(s: Stage, command_id: str) -> str:
    sql = "SELECT outcome->'error'->>'code' AS code FROM commands WHERE id = :id"
    (row,) = select(s.database_url, sql, id=command_id)
    return str(row["code"])
