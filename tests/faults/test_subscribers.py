"""Subscribers that do not keep up, or are not there at all."""

import time
from collections import Counter

import pytest

from tests.commands import eventually, select
from tests.faults import invariants
from tests.faults.conftest import OpenStage
from tests.faults.load import Load
from tests.faults.plan import plan
from tests.faults.stage import Stage
from tests.faults.subscriber import Subscriber

SLOW_SECONDS = 0.05
"""What the slow one spends on each event."""
TIMES_AS_FAST = 4
"""How much faster than the slow one, at least, the relay must be beside it. It takes no part in its subscribers' pace;
how its rates beside a quick and a slow one compare is for the figures, since a busy machine halves either."""
CATCH_UP_SECONDS = 120.0


def expect_everything(s: Stage, subscriber: Subscriber) -> None:
    """Wait until `subscriber` has every event there is, and judge what it got."""
    committed = {str(row["id"]) for row in select(s.database_url, "SELECT id FROM events")}
    began_at = time.monotonic()
    eventually(lambda: committed <= {arrival.id for arrival in subscriber.arrived}, CATCH_UP_SECONDS)
    s.figures["catch_up_seconds"] = round(time.monotonic() - began_at, 1)
    evidence = invariants.gather(s.database_url, (), {"late subscriber": list(subscriber.arrived)}, Counter())
    invariants.check_deliveries(evidence)
    invariants.check_order(evidence)


@pytest.mark.quick("redis")
def test_a_subscriber_is_away(open_stage: OpenStage) -> None:
    """a subscriber is away for the whole load, then gets every event"""
    with open_stage() as s, Subscriber(s.broker_url, "away") as away:
        s.load.start()
        s.expect_all_invariants()
        assert not away.arrived
        away.start()
        expect_everything(s, away)


def test_a_subscriber_is_slow(open_stage: OpenStage) -> None:
    """a subscriber takes 50 ms for each event, one at a time: the relay and the others keep their pace"""
    with open_stage() as s, Subscriber(s.broker_url, "quick") as quick, Subscriber(s.broker_url, "slow") as slow:
        quick.start()
        beside_a_quick_one = relay_rate(s, s.load)
        slow.start(pause_seconds=SLOW_SECONDS)
        more = Load(s.broker_url, plan(s.seed + 1000, s.load.planned_count, s.load.planned_count // 10))
        beside_a_slow_one = relay_rate(s, more)
        s.healed()
        s.accepted_elsewhere |= more.accepted.keys()
        s.expect_all_invariants()
        (found,) = select(s.database_url, "SELECT count(*) FROM events")
        s.figures |= {"events_per_second": [beside_a_quick_one, beside_a_slow_one], "slow_one_has": len(slow.arrived)}
        assert len(slow.arrived) < found["count"], "it was not slow: the scenario has shown nothing"
        assert beside_a_slow_one > TIMES_AS_FAST / SLOW_SECONDS
        expect_everything(s, quick)
        slow.hurry()
        expect_everything(s, slow)


def relay_rate(s: Stage, load: Load) -> int:
    """Return how many events of `load` the relay publishes in a second, having nothing else to wait for."""
    s.actors.rest("relay")
    load.start()
    load.wait()
    eventually(lambda: _count(s, _OPEN, ids=list(load.accepted)) == 0, invariants.RECOVERY_SECONDS)
    waiting = _count(s, _UNPUBLISHED)
    s.actors.wake("relay")
    eventually(lambda: _count(s, _UNPUBLISHED) < waiting, invariants.RECOVERY_SECONDS)
    began_at, waiting = time.monotonic(), _count(s, _UNPUBLISHED)
    eventually(lambda: _count(s, _UNPUBLISHED) == 0, CATCH_UP_SECONDS)
    return round(waiting / (time.monotonic() - began_at))


_UNPUBLISHED = "SELECT count(*) FROM events WHERE position IS NULL"
_OPEN = """
SELECT count(*) FROM unnest(CAST(:ids AS text[])) AS accepted (id)
WHERE NOT EXISTS (SELECT FROM commands WHERE commands.id = accepted.id)
"""


def _count(s: Stage, sql: str, **parameters: object) -> int:
    (row,) = select(s.database_url, sql, **parameters)
    return int(row["count"])
