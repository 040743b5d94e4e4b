"""Processes that die: at an exact point, or whenever."""

import pytest

from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage


@pytest.mark.quick
def test_pool_child_dies_mid_transaction(open_stage: OpenStage) -> None:
    """kill -9 of a pool child that has written and not committed"""
    with open_stage(sabotage={"worker": Sabotage("mid_transaction", times=2)}) as s:
        s.load.start()
        s.wait_for_cut("worker", 2)
        s.expect_all_invariants()
