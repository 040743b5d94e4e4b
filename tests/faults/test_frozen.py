"""Processes that stand still for longer than their leases, locks and transactions last."""

import time

from tests.commands import eventually, select
from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage
from tests.faults.stage import Stage

FROZEN_SECONDS = 25.0
"""Longer than a transaction may idle (20 s)."""
UP_SECONDS = 30.0
WAITING_SECONDS = 2.0
"""From a worker's start to its wait for a message, with some to spare."""
OPEN_TRANSACTIONS = "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"


def test_worker_frozen_amid_transactions(open_stage: OpenStage) -> None:
    """the worker frozen for 25 s amid transactions, which the database ends meanwhile"""
    with open_stage(sabotage={"worker": Sabotage(mutations=("commit_late",))}) as s:
        s.load.start()
        s.wait_for_outcomes(0.2)
        eventually(lambda: _freeze_amid_a_transaction(s))
        time.sleep(FROZEN_SECONDS)
        s.actors.thaw("worker")
        s.healed()
        s.expect_all_invariants()


def test_idle_worker_frozen(open_stage: OpenStage) -> None:
    """one of two workers frozen while it waits for a message: what is meant for it goes to the other in the end"""
    with open_stage() as s:
        s.actors.start("worker", "worker-2")
        eventually(lambda: s.actors.is_up("worker-2"), UP_SECONDS)
        time.sleep(WAITING_SECONDS)
        s.actors.freeze("worker-2")
        s.load.start()
        s.expect_all_invariants()
        s.figures["recovery_while_frozen_seconds"] = s.figures["recovery_seconds"]
        s.actors.thaw("worker-2")
        s.healed()
        s.expect_all_invariants()


def _freeze_amid_a_transaction(s: Stage) -> bool:
    s.actors.freeze("worker")
    time.sleep(0.1)
    if select(s.database_url, OPEN_TRANSACTIONS):
        return True
    s.actors.thaw("worker")
    return False
