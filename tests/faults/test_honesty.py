"""The suite itself: a service that has lost one of its promises must not pass it."""

import pytest

from tests.commands import eventually
from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage
from tests.faults.invariants import RECOVERY_SECONDS, InvariantBroken
from tests.faults.queues import left_over
from tests.faults.stage import Stage

GIVEN_SECONDS = 10.0
"""How much longer to wait once the broker has nothing left: by then, what is missing is lost and not late."""


def expect_broken(s: Stage, invariant: str) -> None:
    s.load.wait()
    eventually(lambda: not left_over(s.broker_url), RECOVERY_SECONDS)
    s.healed()
    with pytest.raises(InvariantBroken, match=f"^{invariant}") as noticed:
        s.expect_all_invariants(within_seconds=GIVEN_SECONDS)
    s.figures |= {"noticed": str(noticed.value), "recovery_seconds": ""}


@pytest.mark.quick("redis")
def test_without_an_inbox(open_stage: OpenStage) -> None:
    """no look into the inbox, and a pool child that dies after its commit"""
    with open_stage(sabotage={"worker": Sabotage("after_commit", mutations=("no_inbox",))}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        expect_broken(s, "I2: command .* took effect more than once")


@pytest.mark.quick("rabbitmq")
def test_with_an_early_ack(open_stage: OpenStage) -> None:
    """acknowledging before the work, and a pool child that dies mid-transaction"""
    with open_stage(sabotage={"worker": Sabotage("mid_transaction", mutations=("ack_early",))}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        expect_broken(s, "I1: accepted commands without an outcome")


@pytest.mark.quick("redis")
def test_with_a_stamp_before_the_confirmation(open_stage: OpenStage) -> None:
    """stamping before publishing, and a relay that dies in between"""
    with open_stage(sabotage={"relay": Sabotage("before_publish", within=1, mutations=("stamp_before_confirm",))}) as s:
        s.load.start()
        s.wait_for_cut("relay")
        expect_broken(s, "I4: committed events that never came")
