"""Brokers that die, freeze or come back, and subscribers that do not keep up."""

import pytest

from tests.faults.conftest import OpenStage
from tests.faults.outages import ride_out
from tests.faults.servers import Servers, freeze, thaw
from workers.supervision.processes import ChildProcess

PAUSE_SECONDS = 0.05
"""Between the messages of the load, so that most of it comes while the broker is away."""
AWAY_SECONDS = 6.0
FROZEN_SECONDS = 15.0


def missing_with(broker: str) -> set[str]:
    """Return what /readyz misses without the broker: Redis as a broker carries the outcomes as well."""
    return {"broker", "redis"} if broker == "redis" else {"broker"}


def process_of(servers: Servers, broker: str) -> ChildProcess:
    if broker == "redis":
        return servers.redis.process
    assert servers.rabbitmq is not None
    return servers.rabbitmq.node


def test_broker_is_killed(open_stage: OpenStage, servers: Servers, broker: str) -> None:
    """kill -9 of the broker under load, started again after 6 s"""
    with open_stage(pause_seconds=PAUSE_SECONDS) as s:
        ride_out(
            s,
            lambda: servers.kill_broker(broker),
            lambda: servers.restart_broker(broker),
            seconds=AWAY_SECONDS,
            missing=missing_with(broker),
        )


def test_broker_freezes(open_stage: OpenStage, servers: Servers, broker: str) -> None:
    """the broker stands still for 15 s, its connections open, and then goes on"""
    process = process_of(servers, broker)
    with open_stage(pause_seconds=PAUSE_SECONDS) as s:
        ride_out(
            s,
            lambda: freeze(process),
            lambda: thaw(process),
            seconds=FROZEN_SECONDS,
            missing=missing_with(broker),
        )


@pytest.mark.only("rabbitmq")
def test_redis_of_outcomes_is_killed(open_stage: OpenStage, servers: Servers) -> None:
    """kill -9 of the Redis that carries outcomes while RabbitMQ carries the commands, started again after 15 s"""
    with open_stage(pause_seconds=PAUSE_SECONDS) as s:
        ride_out(s, servers.kill_redis, servers.restart_redis, seconds=FROZEN_SECONDS, missing={"redis"})
