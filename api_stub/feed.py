"""The live feed of a process: one reads the database, for all who read the feed.

What it read is in the ring of the newest events, each written once. `api_stub/feed_streams.py` serves the readers.
"""

import asyncio

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_stub.event_stream import FeedEvent
from api_stub.feed_ring import Ring
from models.interest import EVERYTHING
from models.store.feed import END, PAGE_COUNT, kept, listen_for_positions, read_page, wait_for_positions

RING_BYTES = 16 * 1024 * 1024
PRELOAD_COUNT = 2_000
"""Events that the ring begins with: whoever read from a process that ended goes on at another without a query."""
POLL_SECONDS = 1.0
"""How long a notification that went missing can delay an event."""
RECONNECT_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)

log = structlog.get_logger()


class Feed:
    """Events as they get their positions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.ring = Ring(RING_BYTES)
        self.ready = asyncio.Event()
        """Set once the ring holds the newest events; it then does so for ever, as far as the database tells."""
        self.news = asyncio.Event()
        """Set when something changes. Then there is another: to be taken before a look, lest what comes meanwhile be
        missed."""
        self.era = 0
        """Counts how often everything that was read ended: with the process, or where positions went back."""
        self._engine = engine
        self._failures_count = 0

    def wake(self) -> None:
        """Let every reader look whether there is anything new for it, an end included."""
        self.news.set()
        self.news = asyncio.Event()

    def end_streams(self) -> None:
        """Let every reader end. They come back, to this process or another."""
        self.era += 1
        self.wake()

    async def run(self) -> None:
        """Read until cancelled, over every loss of the connection."""
        while True:
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001 - without it nobody would get another event
                pause = RECONNECT_SECONDS[min(self._failures_count, len(RECONNECT_SECONDS) - 1)]
                self._failures_count += 1
                log.warning("feed_not_read", retry_in_seconds=pause, error=repr(error))
                await asyncio.sleep(pause)

    async def _read(self) -> None:
        async with self._engine.connect() as connection:
            try:
                await listen_for_positions(connection)
                await self._begin(connection)
                while True:
                    if not await self._read_on(connection):
                        await wait_for_positions(connection, POLL_SECONDS)
            finally:
                await connection.invalidate()  # pooled, it would go on listening

    async def _begin(self, connection: AsyncConnection) -> None:
        """Find out where the feed stands. A database that was restored may stand further back than its readers: the
        positions that they wait for will be those of other events."""
        there = await kept(connection)
        if not self.ready.is_set():
            self.ring.empty(max(there.latest - PRELOAD_COUNT, there.earliest - 1, 0))
        elif there.latest < self.ring.last:
            log.error("feed_went_back", latest=there.latest, last_read=self.ring.last)
            self.ring.empty(there.latest)
            self.end_streams()
        elif there.earliest > self.ring.last + 1:
            self.ring.empty(there.earliest - 1)
        while self.ring.last < there.latest and await self._read_on(connection):
            pass
        self._failures_count = 0
        self.ready.set()
        self.wake()

    async def _read_on(self, connection: AsyncConnection) -> bool:
        """Read the next page, and return whether it was full: there may be more behind it."""
        page = await read_page(connection, self.ring.last, END, EVERYTHING)
        for row in page.rows:
            self.ring.append(FeedEvent.of(row))
        if page.rows:
            self.wake()
        return len(page.rows) == PAGE_COUNT
