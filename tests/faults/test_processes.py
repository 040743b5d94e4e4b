"""Processes that die: at an exact point, or whenever."""

import pytest

from tests.commands import eventually, select
from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage


@pytest.mark.quick("redis")
def test_pool_child_dies_mid_transaction(open_stage: OpenStage) -> None:
    """kill -9 of a pool child that has written and not committed, twice"""
    with open_stage(sabotage={"worker": Sabotage("mid_transaction", times=2)}) as s:
        s.load.start()
        s.wait_for_cut("worker", 2)
        s.expect_all_invariants()


def test_main_process_dies(open_stage: OpenStage) -> None:
    """kill -9 of the worker's main process, with tasks in its hands and in those of its pool"""
    with open_stage() as s:
        s.load.start()
        s.wait_for_outcomes(0.2)
        s.actors.kill_main("worker")
        s.healed()
        s.expect_all_invariants()


@pytest.mark.quick("rabbitmq")
def test_pool_child_dies_after_commit(open_stage: OpenStage) -> None:
    """kill -9 of a pool child after its commit, before anybody knows of it, twice"""
    with open_stage(sabotage={"worker": Sabotage("after_commit", times=2)}) as s:
        s.load.start()
        s.wait_for_cut("worker", 2)
        s.expect_all_invariants()


def test_main_process_dies_before_ack(open_stage: OpenStage) -> None:
    """kill -9 of the main process after the commit, before the acknowledgement"""
    with open_stage(sabotage={"worker": Sabotage("before_ack")}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        s.expect_all_invariants()


@pytest.mark.quick("rabbitmq")
def test_relay_dies_before_stamp(open_stage: OpenStage) -> None:
    """kill -9 of the relay after the broker's confirmation, before the stamp, twice"""
    with open_stage(sabotage={"relay": Sabotage("before_stamp", within=1, times=2)}) as s:
        s.load.start()
        s.wait_for_cut("relay", 2)
        s.expect_all_invariants()
        assert s.figures["repeats"] > 0, "what was confirmed and not stamped is published again"


def test_relay_dies_amid_publishing(open_stage: OpenStage) -> None:
    """kill -9 of the relay with a batch half published, three times"""
    with open_stage(sabotage={"relay": Sabotage("mid_publish", within=100, times=3)}) as s:
        s.load.start()
        s.wait_for_cut("relay", 3)
        s.expect_all_invariants()


def test_relay_dies_before_publish(open_stage: OpenStage) -> None:
    """kill -9 of the relay with a batch read and nothing of it published, three times"""
    with open_stage(sabotage={"relay": Sabotage("before_publish", within=3, times=3)}) as s:
        s.load.start()
        s.wait_for_cut("relay", 3)
        s.expect_all_invariants()


def test_two_relays(open_stage: OpenStage) -> None:
    """two relays: the leader is killed, its successor loses its connection to the database, then is killed too"""
    with open_stage() as s:
        s.actors.start("relay", "relay-2")
        s.load.start()
        s.wait_for_outcomes(0.2)
        s.actors.kill("relay")
        s.wait_for_outcomes(0.4)
        _take_the_lead_from_its_holder(s)
        s.wait_for_outcomes(0.6)
        s.actors.kill("relay-2")
        s.healed()
        s.expect_all_invariants()


def _take_the_lead_from_its_holder(s: Stage) -> None:
    sql = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    eventually(lambda: select(s.database_url, sql))


@pytest.mark.only("redis")
def test_main_process_dies_with_a_message_in_its_hands(open_stage: OpenStage) -> None:
    """kill -9 of the main process that has a message from Redis and has not yet told Redis that it is unacknowledged"""
    with open_stage(sabotage={"worker": Sabotage("after_pop")}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        s.expect_all_invariants()
