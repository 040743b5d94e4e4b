"""Who did something how often in this minute, counted by all processes together.

Each process counts for itself and reports to Redis a moment later, where it learns what the others counted: so nobody
waits for Redis, and while it is away each process goes on alone. Together they may count up to REPORT_SECONDS late.
"""

import asyncio
import math
import time
from dataclasses import dataclass

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models import names

WINDOW_SECONDS = 60
REPORT_SECONDS = 0.1
RETRY_SECONDS = 5.0
"""How long a process counts alone after Redis failed to."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of its quota somebody has used in this window, which ends in `rest_seconds`."""

    quota_count: int
    used_count: int
    rest_seconds: int

    @property
    def exceeded(self) -> bool:
        """Whether the last was one too many."""
        return self.used_count > self.quota_count

    @property
    def left_count(self) -> int:
        """How many more there may be."""
        return max(0, self.quota_count - self.used_count)


@dataclass(slots=True)
class _Tally:
    shared_count: int = 0
    unreported_count: int = 0
    reporting: asyncio.Task[None] | None = None


class Tallies:
    """Counts in windows of a minute by the clock.

    Such a window lets through twice the quota around its end, which a guard against runaways can afford. Its end is
    known without asking, and one number is all there is to keep of it.
    """

    def __init__(self, redis: Redis) -> None:
        # The pool is a documented option, although its type is not among those declared.
        pool = {"connection_pool": redis.connection_pool}
        prefix = f"{names.SERVICE}.limits"
        self._storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=prefix, **pool)  # type: ignore[arg-type]
        self._window = 0
        self._tallies: dict[str, _Tally] = {}

    def count(self, what: str, who: str, quota_count: int) -> Standing:
        """Count one more and return how `who` then stands."""
        key, tally = self._find(what, who, quota_count)
        tally.unreported_count += 1
        if tally.reporting is None or tally.reporting.done():
            tally.reporting = asyncio.create_task(self._report(key, tally))
        return _standing(tally, quota_count)

    def look(self, what: str, who: str, quota_count: int) -> Standing:
        """Return how `who` stands."""
        return _standing(self._find(what, who, quota_count)[1], quota_count)

    def _find(self, what: str, who: str, quota_count: int) -> tuple[str, _Tally]:
        window = int(time.time() // WINDOW_SECONDS)
        if window != self._window:
            self._window, self._tallies = window, {}
        key = RateLimitItemPerMinute(quota_count).key_for(what, who, window)
        return key, self._tallies.setdefault(key, _Tally())

    async def _report(self, key: str, tally: _Tally) -> None:
        """Report until nothing is left to, or nobody asks for this window any more."""
        pause = REPORT_SECONDS
        while tally.unreported_count and self._tallies.get(key) is tally:
            await asyncio.sleep(pause)
            count = tally.unreported_count
            try:
                tally.shared_count = await self._storage.incr(key, WINDOW_SECONDS, amount=count)
            except (RedisError, OSError) as error:
                log.warning("tally_not_reported", error=repr(error))
                pause = RETRY_SECONDS
            else:
                tally.unreported_count -= count
                pause = REPORT_SECONDS


def _standing(tally: _Tally, quota_count: int) -> Standing:
    rest_seconds = math.ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)
    return Standing(quota_count, tally.shared_count + tally.unreported_count, rest_seconds)
