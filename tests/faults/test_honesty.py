"""The suite itself: a service that has lost one of its promises must not pass it."""

import pytest

from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage
from tests.faults.invariants import InvariantBroken
from tests.faults.stage import Stage

GIVEN_SECONDS = 10.0
"""What is lost does not come later: enough for a whole service, and no more."""


def expect_broken(s: Stage, invariant: str) -> None:
    with pytest.raises(InvariantBroken, match=rf"^{invariant}\b") as noticed:
        s.expect_all_invariants(within_seconds=GIVEN_SECONDS)
    s.figures["noticed"] = str(noticed.value)


@pytest.mark.quick("redis")
def test_without_an_inbox(open_stage: OpenStage) -> None:
    """no look into the inbox, and a pool child that dies after its commit"""
    with open_stage(sabotage={"worker": Sabotage("after_commit", mutations=("no_inbox",))}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        expect_broken(s, "I2")


@pytest.mark.quick("rabbitmq")
def test_with_an_early_ack(open_stage: OpenStage) -> None:
    """acknowledging before the work, and a pool child that dies mid-transaction"""
    with open_stage(sabotage={"worker": Sabotage("mid_transaction", mutations=("ack_early",))}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        expect_broken(s, "I1")


@pytest.mark.quick("redis")
def test_with_a_stamp_before_the_confirmation(open_stage: OpenStage) -> None:
    """stamping before publishing, and a relay that dies in between"""
    with open_stage(sabotage={"relay": Sabotage("before_publish", within=1, mutations=("stamp_before_confirm",))}) as s:
        s.load.start()
        s.wait_for_cut("relay")
        expect_broken(s, "I4")
