"""The readers of the feed.

A reader is nothing but a position. What comes after it is in the ring of the newest events, or is read from the
database page by page until the ring takes over: a reader that is slow is only further back, and costs no memory.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api_stub.event_stream import FeedEvent, heartbeat, opening
from api_stub.feed import Feed
from api_stub.problems import Problem
from models.interest import Interest
from models.store.engine import DatabaseUnavailable
from models.store.feed import PAGE_COUNT, FeedPage, Kept, kept, read_page

HEARTBEAT_SECONDS = 15.0
READY_SECONDS = 3.0
"""How long a new reader waits for the process to know where the feed stands."""
CATCH_UPS_COUNT = 4
"""Readers who ask the database at the same time; the others wait for their turns."""
TURN_SECONDS = 10.0
CHUNK_BYTES = 128 * 1024
"""What a reader is sent at once, but for its last event: as much as one that stalls keeps in memory."""
FIRST_PAGE_COUNT = 25
"""Events that a reader who catches up asks for first, since nobody knows how large they are."""
CHUNK_COUNT = 1_000
"""Events of the ring that one reader looks through before others have their turns."""

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(slots=True)
class _Reader:
    interest: Interest
    position: int
    """It was sent all that it wants up to there."""
    page_count: int = FIRST_PAGE_COUNT
    """Events to ask the database for: about as many as fit into a chunk."""

    def take(self, events: Iterable[FeedEvent]) -> tuple[int, bytes]:
        """Go on through `events`, until a chunk is full; return how many were wanted, and what is sent of them."""
        written, bytes_count = [], 0
        for event in events:
            self.position = event.position
            if self.interest.takes(event.group_id, event.name):
                written.append(event.written)
                bytes_count += len(event.written)
            if bytes_count >= CHUNK_BYTES:
                break
        return len(written), b"".join(written)


class FeedStreams:
    """What the readers are sent. `max_count` of them at once, who catch up over the connections of `engine`."""

    def __init__(self, feed: Feed, engine: AsyncEngine, max_count: int) -> None:
        self._feed = feed
        self._engine = engine
        self._max_count = max_count
        self._count = 0
        self._closed = False
        self._catching_up = asyncio.Semaphore(CATCH_UPS_COUNT)

    @property
    def readers_count(self) -> int:
        """How many streams are open."""
        return self._count

    def close(self) -> None:
        """End all streams, and those that are yet to begin."""
        self._closed = True
        self._feed.end_streams()

    async def start_of(self, after: int | None) -> int:
        """Return the position to follow from: the latest where `after` is None, what is kept from the beginning where
        it is 0, else `after`.

        Raises Problem: 410 where events after it are gone, 422 where no event has it yet, 503 where there are too many
        readers, or the database would have to tell and does not. Raises DatabaseUnavailable.
        """
        if self._count >= self._max_count:
            raise Problem.unavailable(f"this process has {self._max_count} readers of events already; try again")
        await self._know_the_latest()
        ring = self._feed.ring
        if after is None:
            return ring.last
        if after and ring.reaches_back_to(after) and after <= ring.last:
            return after
        return _start_in(await self._ask(kept), after)

    async def follow(self, after: int, interest: Interest, is_welcome: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Give what a reader is sent, for as long as it `is_welcome`."""
        reader, era, clock = _Reader(interest, after), self._feed.era, asyncio.get_running_loop().time
        self._count += 1
        try:
            yield opening(after)
            due_at = clock() + HEARTBEAT_SECONDS
            while is_welcome() and era == self._feed.era and not self._closed:
                news, before = self._feed.news, reader.position
                chunk = await self._next(reader)
                if chunk or clock() >= due_at:
                    yield chunk or heartbeat(reader.position)
                    due_at = clock() + HEARTBEAT_SECONDS
                elif reader.position == before:
                    await _happens(news, due_at)
                    continue
                await asyncio.sleep(0)  # a reader that takes all at once would keep the others waiting
        except _Overtaken:
            log.warning("feed_reader_overtaken", position=reader.position)
        finally:
            self._count -= 1

    async def _know_the_latest(self) -> None:
        try:
            await asyncio.wait_for(self._feed.ready.wait(), READY_SECONDS)
        except TimeoutError:
            raise Problem.unavailable("the database does not answer; try again") from None

    async def _next(self, reader: _Reader) -> bytes:
        """Lead `reader` on, and return what it is sent on the way."""
        ring = self._feed.ring
        if ring.reaches_back_to(reader.position):
            return reader.take(islice(ring.after(reader.position), CHUNK_COUNT))[1]
        # Left alone where its reader leaves: cancelled, it would first wait for the database to confirm that.
        return await asyncio.shield(self._catch_up(reader))

    async def _catch_up(self, reader: _Reader) -> bytes:
        after, upto = reader.position, self._feed.ring.last

        async def read(connection: AsyncConnection) -> tuple[FeedPage, Kept]:
            # In this order: what is kept after the page was read was kept when it was read.
            page = await read_page(connection, after, upto, reader.interest, reader.page_count)
            return page, await kept(connection)

        try:
            page, there = await self._ask(read)
        except DatabaseUnavailable as error:
            log.warning("feed_not_caught_up", error=repr(error))
            return b""
        if after < there.earliest - 1:
            raise _Overtaken
        wanted_count, chunk = reader.take(map(FeedEvent.of, page.rows))
        if len(chunk) >= CHUNK_BYTES:
            reader.page_count = wanted_count
        else:
            reader.position, reader.page_count = page.reached, min(2 * reader.page_count, PAGE_COUNT)
        return chunk

    async def _ask(self, question: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Ask the database, in turn. Raises DatabaseUnavailable."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._catching_up.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable("wait for a turn", None, error) from None
        try:
            async with self._engine.connect() as connection:
                return await question(connection)
        finally:
            self._catching_up.release()


class _Overtaken(Exception):  # noqa: N818 - it ends a stream, and is no fault
    """What a reader would have read next is not kept any more."""


def _start_in(there: Kept, after: int) -> int:
    if after > there.latest:
        raise Problem(
            "position_ahead",
            f"the latest event has position {there.latest}; the database was restored, or this is another feed",
            latest=there.latest,
        )
    if 0 < after < there.earliest - 1:
        raise Problem(
            "position_gone",
            f"the events after position {after} are not kept any more; after={there.earliest - 1} has all that are",
            earliest=there.earliest,
        )
    return max(after, there.earliest - 1)


async def _happens(news: asyncio.Event, until: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await news.wait()
