"""What is simulated: one shard with a hot group, and several with a relay each."""

from collections.abc import Mapping
from statistics import quantiles
from typing import Any

from benchmarks.scaling.simulation import Shard, simulate

UTILISATIONS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
HOT_SHARES = {"no hot group": 0.0, "10 % on one group": 0.1, "30 % on one group": 0.3}
COMMANDS_PER_SECOND = 10_000
SHARD_COUNTS = [1, 2, 3, 4, 6, 8]
EVENTS_PER_COMMAND = (1.0, 2.0)

Percentiles = tuple[float, float]
"""p50 and p99, in milliseconds."""
HotGroups = Mapping[str, Mapping[float, Percentiles]]
"""From arrival to commit: by the name of a share, by utilisation."""
Shards = Mapping[float, Mapping[int, Percentiles]]
"""From commit to confirmed event: by events for each command, by the number of shards."""


def shard_of(costs: Mapping[str, Any], events_per_command: float = 1.0) -> Shard:
    """Return a shard with the measured times of creates, and of the relay with a quorum queue."""
    return Shard(
        message_seconds=[each / 1000 for each in costs["commands"]["created group"]["message_ms"]],
        event_seconds=1 / costs["events"]["quorum queue on rabbitmq"]["events_per_second"],
        events_per_command=events_per_command,
    )


def hot_groups(costs: Mapping[str, Any]) -> HotGroups:
    """Simulate one shard as it fills up."""
    shard = shard_of(costs)
    return {
        name: {load: _percentiles(simulate(shard, load * shard.capacity, share).commit) for load in UTILISATIONS}
        for name, share in HOT_SHARES.items()
    }


def shards(costs: Mapping[str, Any]) -> Shards:
    """Simulate the whole load on more and more shards."""
    return {
        each: {
            count: _percentiles(simulate(shard_of(costs, each), COMMANDS_PER_SECOND / count).event)
            for count in SHARD_COUNTS
        }
        for each in EVENTS_PER_COMMAND
    }


def _percentiles(seconds: list[float]) -> Percentiles:
    hundredths = quantiles(seconds, n=100)
    return hundredths[49] * 1000, hundredths[98] * 1000
