"""Where a scenario plays: servers, the service's processes, a load, a subscriber, and the judgement at the end."""

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from settings import Settings
from tests.commands import eventually, select
from tests.faults import invariants
from tests.faults.actors import Actors, Sabotage
from tests.faults.invariants import RECOVERY_SECONDS, InvariantBroken
from tests.faults.load import Load
from tests.faults.plan import plan
from tests.faults.queues import left_over
from tests.faults.servers import Servers
from tests.faults.sink import Sink, open_sink
from workers.supervision.guardian import Guardian

DEFAULT_PROCESSES = ("worker", "relay", "intake", "housekeeping")
LOOK_SECONDS = 0.1
API_KEY = "faults-" + "k" * 40


class Stage:
    """A running service under load. Break it, heal it, then :meth:`expect_all_invariants`."""

    def __init__(self, servers: Servers, broker: str, seed: int, load: Load, actors: Actors, sink: Sink) -> None:
        self.servers, self.broker, self.seed = servers, broker, seed
        self.load, self.actors, self.sink = load, actors, sink
        self.choice = random.Random(seed)
        """For whatever a scenario draws."""
        self.http_statuses: Counter[int] = Counter()
        """Every answer of the API to a scenario's callers, by status."""
        self.accepted_elsewhere: set[str] = set()
        """Ids of commands that a scenario sent by itself and that were accepted."""
        self.figures: dict[str, Any] = {}
        self._fault_ended_at = 0.0

    @property
    def broker_url(self) -> str:
        """Where the commands go."""
        return self.servers.broker_url(self.broker)

    @property
    def database_url(self) -> str:
        """Where the outcomes are."""
        return self.servers.database_url

    def wait_for_outcomes(self, share: float, seconds: float = RECOVERY_SECONDS) -> None:
        """Return when `share` of the load (0 to 1) has an outcome."""
        wanted = int(share * self.load.planned_count)
        eventually(lambda: self._count("SELECT count(*) FROM commands") >= wanted, seconds)

    def wait_for_cut(self, kind: str, count: int = 1, seconds: float = RECOVERY_SECONDS) -> None:
        """Return when `count` processes of `kind` have died at the cut of their sabotage."""
        eventually(lambda: len(self.actors.cuts(kind)) >= count, seconds)
        self.healed()

    def healed(self) -> None:
        """Say that the fault is over: from here on recovery is timed."""
        self._fault_ended_at = time.time()

    def expect_all_invariants(
        self, *, within_seconds: float = RECOVERY_SECONDS, dead: Collection[str] = (), unknown_dead_count: int = 0
    ) -> None:
        """Wait until the load is accepted and the service at rest, then judge; raises InvariantBroken.

        `within_seconds` bounds the recovery (I6), counted from the end of the fault or of the load, whichever is later.
        """
        self.load.wait()
        since = max(self._fault_ended_at, self.load.ended_at or 0.0)
        accepted = self.load.accepted.keys() | self.accepted_elsewhere
        try:
            self._wait(lambda: self._is_recovered(accepted, dead), since + within_seconds)
            self.figures["recovery_seconds"] = round(max(0.0, time.time() - since), 1)
            self._wait(lambda: not left_over(self.broker_url), since + within_seconds)
            rested = self._wait(lambda: self._is_recovered(accepted, dead), since + within_seconds)
        finally:
            evidence = invariants.gather(self.database_url, accepted, self.sink.arrivals(), self.http_statuses)
            self.figures |= self.load.figures() | _figures(evidence)
        invariants.check_all(evidence, dead=dead, unknown_dead_count=unknown_dead_count)
        if not rested:
            left = left_over(self.broker_url)
            raise InvariantBroken(f"I6: not at rest after {within_seconds:g} s; left with the broker: {left}")

    def _is_recovered(self, accepted: Collection[str], dead: Collection[str]) -> bool:
        """Every outcome is there, nothing is due, every event is published, and the subscriber has it."""
        arrivals = self.sink.arrivals()
        if self._count(_UNSETTLED, accepted=list(accepted), dead=list(dead)):
            return False
        committed = {str(row["id"]) for row in select(self.database_url, "SELECT id FROM events")}
        return all(committed <= {arrival.id for arrival in arrived} for arrived in arrivals.values())

    def _wait(self, look: Callable[[], bool], until: float) -> bool:
        """Whether `look` became true in time; too late is for the invariants to name."""
        while not look():
            if time.time() > until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _count(self, sql: str, **parameters: Any) -> int:
        (row,) = select(self.database_url, sql, **parameters)
        return int(row["count"])


_UNSETTLED = """
SELECT (SELECT count(*) FROM unnest(CAST(:accepted AS text[])) AS accepted (id)
        WHERE NOT EXISTS (SELECT FROM commands WHERE commands.id = accepted.id)
          AND NOT (accepted.id = ANY(:dead)
                   AND EXISTS (SELECT FROM dead_letters WHERE dead_letters.command_id = accepted.id)))
     + (SELECT count(*) FROM events WHERE position IS NULL)
     + (SELECT count(*) FROM jobs JOIN job_groups ON job_groups.id = jobs.group_id
        WHERE jobs.status = 'queued' AND jobs.next_attempt_at IS NOT NULL
          AND job_groups.intent = 'active' AND job_groups.deleted_at IS NULL
          AND (job_groups.processing_settings->>'maxConcurrency' IS NULL
               OR job_groups.processing_count < CAST(job_groups.processing_settings->>'maxConcurrency' AS int)))
     AS count
"""


def _figures(evidence: invariants.Evidence) -> dict[str, Any]:
    arrived = next(iter(evidence.arrivals.values()), ())
    return {
        "groups": len(evidence.groups),
        "events": len(evidence.events),
        "repeats": len(arrived) - len({arrival.id for arrival in arrived}),
        "rejected": sum(row["outcome"]["status"] == "rejected" for row in evidence.commands),
        "dead_letters": len(evidence.dead_letters),
        "http": dict(evidence.http_statuses),
    }


@contextmanager
def stage(
    servers: Servers,
    broker: str,
    seed: int,
    home: Path,
    *,
    commands: int,
    groups: int,
    pause_seconds: float = 0.02,
    processes: tuple[str, ...] = DEFAULT_PROCESSES,
    sabotage: dict[str, Sabotage] | None = None,
    **settings: Any,
) -> Iterator[Stage]:
    """Give a stage on clean servers; `processes` start at once, further ones by `actors.start`.

    `pause_seconds` between two messages of the load keep it going while a fault comes and goes.
    """
    servers.clean(broker)
    addresses = {"database_url": servers.postgres.url, "redis_url": servers.redis.url}
    addresses["broker_url"] = servers.broker_url(broker)
    own = Settings(home=home, api_keys=(SecretStr(API_KEY),), **(addresses | settings))
    guardian = Guardian(home / "logs" / "guardian.log")
    actors = Actors(own, home, seed, guardian, sabotage or {})
    # Straight to the broker: what a scenario puts between it and the service is not for these two.
    sink = open_sink(servers.broker_url(broker))
    load = Load(servers.broker_url(broker), plan(seed, commands, groups), pause_seconds=pause_seconds)
    try:
        for kind in processes:
            actors.start(kind)
        actors.watch()
        yield Stage(servers, broker, seed, load, actors, sink)
    finally:
        actors.stop()
        guardian.close()
        sink.close()
