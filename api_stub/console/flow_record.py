"""The figures of the last minutes, measured while somebody looks at them and at no other time."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from api_stub.backends import Backends
from client.broker import connect, is_redis
from models import names
from models.store.flow import read_flow

SAMPLE_SECONDS = 2.0
SPAN_SECONDS = 120.0
"""How long samples are kept."""
GAP_SECONDS = 3 * SAMPLE_SECONDS
"""Between samples further apart than this nobody looked."""
QUEUE_SECONDS = 2.0
"""How long the broker may take to say how many messages wait."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at an instant of the monotonic clock. None: not to be told."""

    at: float
    position: int
    commands_per_second: float
    events_per_second: float | None
    backlog_count: int
    lag_seconds: float
    waiting_count: int | None

    def course(self, name: str, samples: Sequence["Sample"]) -> list[tuple[float, float]]:
        """Return the value called `name` of all `samples` with their ages, seen from this one."""
        return [(self.at - each.at, value) for each in samples if (value := getattr(each, name)) is not None]


class FlowRecord:
    """The samples of this process. Whoever looks takes one, unless somebody just did."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._samples: deque[Sample] = deque()
        self._looking = asyncio.Lock()
        self._counting: asyncio.Task[int | None] | None = None

    async def look(self) -> Sequence[Sample]:
        """Return the samples, oldest first, the last of them of now. Raises DatabaseUnavailable."""
        async with self._looking:
            if not self._samples or time.monotonic() - self._samples[-1].at >= SAMPLE_SECONDS / 2:
                self._samples.append(await self._sample())
            while self._samples[0].at < self._samples[-1].at - SPAN_SECONDS:
                self._samples.popleft()
            return list(self._samples)

    async def _sample(self) -> Sample:
        async with self._backends.engine.connect() as connection:
            flow = await read_flow(connection)
        waiting_count = await self._waiting()
        at, position = time.monotonic(), self._backends.feed.ring.last
        return Sample(
            at,
            position,
            flow.commands_per_second,
            self._events_per_second(at, position),
            flow.backlog_count,
            flow.lag_seconds,
            waiting_count,
        )

    def _events_per_second(self, at: float, position: int) -> float | None:
        """Positions count published events without a gap. None for the first sample after a pause."""
        last = self._samples[-1] if self._samples else None
        if last is None or at - last.at > GAP_SECONDS:
            return None
        return max(0, position - last.position) / (at - last.at)

    async def _waiting(self) -> int | None:
        """A broker that is silent is not asked again before it has answered, or failed to."""
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(
                asyncio.to_thread(_count_waiting, self._backends.settings.require("broker_url"))
            )
        done, _ = await asyncio.wait({self._counting}, timeout=QUEUE_SECONDS)
        return self._counting.result() if done else None


def _count_waiting(broker_url: str) -> int | None:
    try:
        with connect(broker_url) as connection:
            connection.ensure_connection(max_retries=0)
            channel = connection.default_channel
            count: int
            if is_redis(broker_url):  # to kombu a list without an item is a queue that does not exist
                count = channel.client.llen(names.COMMAND_QUEUE)
            else:
                count = channel.queue_declare(names.COMMAND_QUEUE, passive=True).message_count
            return count
    except Exception as error:  # noqa: BLE001 - a chart without a value is all that comes of it
        log.warning("queue_not_counted", error=repr(error))
        return None
