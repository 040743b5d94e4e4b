"""Shards, pool children, one hot group and a relay, as queues in front of servers with measured service times.

Commands come as messages of a hundred, at random (Poisson). A shard has a queue, `children` that each handle a message
at a time, and one relay. A message on the hot group also waits for that group's lock, and its child with it. What is
left out: other messages that share a group, and machines that slow down as they fill up.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PER_MESSAGE = 100
RELAY_BATCH_COUNT = 500
SIMULATED_SECONDS = 120.0
SEED = 20260131


@dataclass(frozen=True)
class Shard:
    """What one shard has to work with."""

    message_seconds: Sequence[float]
    """Measured times of messages; each message draws one."""
    event_seconds: float
    """What an event costs the relay, in the mean of its batch."""
    children: int = 4
    events_per_command: float = 1.0

    @property
    def capacity(self) -> float:
        """Commands per second of all children at work."""
        return self.children * PER_MESSAGE * len(self.message_seconds) / sum(self.message_seconds)


@dataclass(frozen=True)
class Latencies:
    """In seconds, a figure for each message."""

    commit: list[float]
    """From the arrival of a message to its commit."""
    event: list[float]
    """From a commit to the broker's confirmation of the message's last event."""


def simulate(shard: Shard, commands_per_second: float, hot_share: float = 0.0) -> Latencies:
    """Let one shard work, `hot_share` of its messages on one group."""
    choice = random.Random(SEED)
    arrivals = list(_arrivals(choice, commands_per_second / PER_MESSAGE))
    commits = list(_commits(choice, shard, arrivals, hot_share))
    confirmed = list(_confirmed(shard, sorted(commits)))
    return Latencies(
        [commit - arrival for arrival, commit in zip(arrivals, commits, strict=True)],
        [done - commit for done, commit in zip(confirmed, sorted(commits), strict=True)],
    )


def _arrivals(choice: random.Random, per_second: float) -> Iterator[float]:
    now = 0.0
    while (now := now + choice.expovariate(per_second)) < SIMULATED_SECONDS:
        yield now


def _commits(choice: random.Random, shard: Shard, arrivals: Sequence[float], hot_share: float) -> Iterator[float]:
    free_at = [0.0] * shard.children  # a heap
    lock_free_at = 0.0
    for arrival in arrivals:
        begun = max(arrival, heapq.heappop(free_at))
        is_hot = choice.random() < hot_share
        commit = (max(begun, lock_free_at) if is_hot else begun) + choice.choice(shard.message_seconds)
        if is_hot:
            lock_free_at = commit
        heapq.heappush(free_at, commit)
        yield commit


def _confirmed(shard: Shard, commits: Sequence[float]) -> Iterator[float]:
    """The relay takes what is there, up to a batch, and comes back for more when that is confirmed."""
    events = PER_MESSAGE * shard.events_per_command
    most = max(1, int(RELAY_BATCH_COUNT / events))
    first, now = 0, 0.0
    while first < len(commits):
        now = max(now, commits[first])
        last = first
        while last < len(commits) and last - first < most and commits[last] <= now:
            last += 1
        now += (last - first) * events * shard.event_seconds
        yield from [now] * (last - first)
        first = last
