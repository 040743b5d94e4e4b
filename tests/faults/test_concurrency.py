"""Transactions that run against each other."""

import pytest

from tests.commands import select
from tests.faults.actors import Sabotage
from tests.faults.conftest import OpenStage

OVERTAKEN = """
SELECT count(*) FROM (
    SELECT ordinal < max(ordinal) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS late
    FROM events WHERE position IS NOT NULL
) AS published WHERE late
"""


@pytest.mark.quick("redis")
def test_commits_in_the_reverse_order(open_stage: OpenStage) -> None:
    """transactions commit in another order than the one in which their events took their numbers"""
    with open_stage(sabotage={"worker": Sabotage(mutations=("commit_late",))}, worker_concurrency=6) as s:
        s.load.start()
        s.expect_all_invariants()
        (found,) = select(s.database_url, OVERTAKEN)
        s.figures["overtaken"] = found["count"]
        assert found["count"] > 0, "no transaction overtook another: the scenario has shown nothing"
