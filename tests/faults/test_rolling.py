"""Restarts under load: as a deployment makes them, and as an accident does."""

import time

from tests.commands import eventually
from tests.faults.actors import Sabotage
from tests.faults.callers import start_api, wait_until_answering, writers
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage

KINDS = ("worker", "relay", "intake", "housekeeping")
ROUND_COUNT = 4
LOADED_PAUSE_SECONDS = 0.35
"""Between messages: the load is to last for as long as the restarts."""
UP_SECONDS = 30.0


def test_rolling_restarts(open_stage: OpenStage) -> None:
    """SIGTERM to each of two processes of every kind, in turn, twice over (20 restarts), HTTP callers at work"""
    with open_stage(pause_seconds=LOADED_PAUSE_SECONDS, processes=()) as s:
        urls = [start_api(s, f"api-{number}") for number in range(2)]
        for kind in KINDS:
            for number in range(2):
                s.actors.start(kind, f"{kind}-{number}")
        s.load.start()
        with writers(s, urls, 8):
            for turn in range(ROUND_COUNT):
                for kind in KINDS:
                    _restart(s, kind, f"{kind}-{turn % 2}")
                _restart_api(s, f"api-{turn % 2}", urls[turn % 2])
            assert s.load.ended_at is None, "the load ended before the last restart"
        s.healed()
        s.expect_all_invariants()


def _restart(s: Stage, kind: str, name: str, **settings: object) -> None:
    eventually(lambda: s.actors.is_up(name), UP_SECONDS)
    began_at = time.monotonic()
    s.actors.rest(name)
    assert s.actors[name].exit_status == 0, s.actors[name].describe("did not end well")
    taken = round(time.monotonic() - began_at, 1)
    s.figures["slowest_end_seconds"] = max(taken, s.figures.get("slowest_end_seconds", 0.0))
    s.actors.start(kind, name, **settings)
    s.actors.wake(name)


def _restart_api(s: Stage, name: str, url: str) -> None:
    _restart(s, "api", name, port=int(url.rpartition(":")[2]))
    wait_until_answering(url)


def test_intake_dies_before_ack(open_stage: OpenStage) -> None:
    """kill -9 of the intake with commands passed on and not acknowledged, three times"""
    with open_stage(sabotage={"intake": Sabotage("before_intake_ack", within=3, times=3)}) as s:
        s.load.start()
        s.wait_for_cut("intake", 3)
        s.expect_all_invariants()


def test_housekeeping_dies_mid_transaction(open_stage: OpenStage) -> None:
    """kill -9 of housekeeping that has written due work and not committed, one of two, three times"""
    _kill_housekeeping(open_stage, "mid_transaction")


def test_housekeeping_dies_after_due_work(open_stage: OpenStage) -> None:
    """kill -9 of housekeeping right after the commit of due work, one of two, three times"""
    _kill_housekeeping(open_stage, "after_due_work")


def _kill_housekeeping(open_stage: OpenStage, cut: str) -> None:
    with open_stage(pause_seconds=0.02, sabotage={"housekeeping": Sabotage(cut, within=3, times=3)}) as s:
        s.actors.start("housekeeping", "housekeeping-1")
        s.load.start()
        s.wait_for_cut("housekeeping", 3)
        s.expect_all_invariants()
