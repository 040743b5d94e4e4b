"""Many readers of one process, slow ones and late ones: on a real PostgreSQL, over real sockets."""

import asyncio
import socket
import statistics
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tests.commands import PATIENCE_SECONDS, eventually
from tests.contract.http_api import Service, client_of
from tests.event_source import Reader, reading
from tests.integration.feed_stage import Stage, publish_beforehand, stage

READERS_COUNT = 500
STEPS_COUNT, EVENTS_PER_STEP, STEP_SECONDS = 30, 2, 0.1


async def many(stage: Stage, count: int, stack: AsyncExitStack, **asked: Any) -> list[Reader]:
    opened = (stack.enter_async_context(reading(stage.url, stage.api_key, **asked)) for _ in range(count))
    return [await each for each in opened]


async def all_read(readers: list[Reader], last: int) -> None:
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        await asyncio.gather(*(reader.read_on(last) for reader in readers))


async def read_along(stage: Stage, count: int) -> tuple[list[Reader], list[float], int]:
    """Publish while `count` read; return them, when each event happened, and the transactions of that time."""
    happened_at: list[float] = []
    clock = asyncio.get_running_loop().time

    async def publish() -> None:
        for _ in range(STEPS_COUNT):
            happened_at.extend([clock()] * EVENTS_PER_STEP)
            await asyncio.to_thread(stage.publish, EVENTS_PER_STEP)
            await asyncio.sleep(STEP_SECONDS)

    async with AsyncExitStack() as stack:
        readers = await many(stage, count, stack)
        before = await asyncio.to_thread(transactions, stage)
        last = stage.scalar("SELECT coalesce(max(position), 0) FROM events") + STEPS_COUNT * EVENTS_PER_STEP
        await asyncio.gather(publish(), all_read(readers, last))
        after = await asyncio.to_thread(transactions, stage)
    return readers, happened_at, after - before


def transactions(stage: Stage) -> int:
    """Those of the database so far: each of the stub's queries is one. Counted a second after they happen."""
    time.sleep(1.5)
    count: int = stage.scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
    return count


def test_hundreds_read_everything_in_order_and_cost_no_query_each(staged: Stage) -> None:
    events_count = STEPS_COUNT * EVENTS_PER_STEP
    _, _, for_a_few = asyncio.run(read_along(staged, 5))
    memory_before = staged.process.memory_info().rss
    readers, happened_at, for_many = asyncio.run(read_along(staged, READERS_COUNT))
    expected = list(range(events_count + 1, 2 * events_count + 1))
    assert all(reader.positions == expected for reader in readers)
    assert len(readers) == READERS_COUNT
    # One query for each reader and step would be 15,000 more.
    assert for_many < for_a_few + READERS_COUNT / 2
    assert staged.process.memory_info().rss - memory_before < 64 * 2**20
    delays = [seen - at for reader in readers for seen, at in zip(reader.arrived_at, happened_at, strict=True)]
    print(f"\nfrom before its transaction to {READERS_COUNT} readers: p50 {statistics.median(delays) * 1000:.1f} ms")
    assert statistics.median(delays) < 1


def test_many_late_readers_share_few_connections(service: Service, clean_database: str, tmp_path: Path) -> None:
    """From the beginning of a history that is longer than what the process holds."""
    last = publish_beforehand(clean_database, 3_500)
    with stage(service, clean_database, tmp_path) as late:
        readers, connections = asyncio.run(read_from_the_beginning(late, 40, last))
    assert all(reader.positions == list(range(1, last + 1)) for reader in readers)
    assert connections <= 4 + 1 + 1 + 2  # catching up, reading along, for the keys, for requests


async def read_from_the_beginning(stage: Stage, count: int, last: int) -> tuple[list[Reader], int]:
    """Return the readers, and the most connections to the database that their process had meanwhile."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'jobgroups' AND pid <> pg_backend_pid()"
    seen = [0]

    async def watch() -> None:
        while True:
            seen.append(await asyncio.to_thread(stage.scalar, sql))

    async with AsyncExitStack() as stack:
        watching = asyncio.create_task(watch())
        readers = await many(stage, count, stack, after=0)
        await all_read(readers, last)
        watching.cancel()
    return readers, max(seen)


def stalled(stage: Stage, query: str = "") -> socket.socket:
    """A reader that never reads."""
    host, _, port = stage.url.removeprefix("http://").partition(":")
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.connect((host, int(port)))
    lazy.sendall(f"GET /events{query} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {stage.api_key}\r\n\r\n".encode())
    return lazy


LARGE = "x" * 100_000


def test_readers_that_stall_cost_no_memory_and_hold_nobody_up(staged: Stage) -> None:
    lazy = [stalled(staged) for _ in range(20)]
    reader, last = asyncio.run(read_large_events(staged, 10))
    memory_before = staged.process.memory_info().rss
    reader, last = asyncio.run(read_large_events(staged, 400))
    assert reader.positions == list(range(last - 399, last + 1))
    # What they left lying is 40 MB each; so is the way before those who begin with the oldest event.
    lazy += [stalled(staged, "?after=0") for _ in range(50)]
    reader, last = asyncio.run(read_large_events(staged, 10))
    assert staged.process.memory_info().rss - memory_before < 100 * 2**20
    for each in lazy[1:]:
        each.close()
    positions = asyncio.run(wake(lazy[0], last))
    assert positions == list(range(1, last + 1))


async def read_large_events(stage: Stage, count: int) -> tuple[Reader, int]:
    async with reading(stage.url, stage.api_key) as reader:
        for _ in range(count // 10):
            last = await asyncio.to_thread(stage.publish, 10, text=LARGE)
        await all_read([reader], last)
    return reader, last


async def wake(lazy: socket.socket, last: int) -> list[int]:
    lazy.setblocking(False)
    stream, writer = await asyncio.open_connection(sock=lazy)
    await stream.readuntil(b"\r\n\r\n")
    reader = Reader(stream, writer)
    await all_read([reader], last)
    writer.close()
    return reader.positions


def test_who_takes_nothing_for_long_is_cut_off(service: Service, clean_database: str, tmp_path: Path) -> None:
    patch = "strict_http.STALL_SECONDS = 1"
    with stage(service, clean_database, tmp_path, patch=patch, feed_readers_max_count=1) as small:
        lazy = stalled(small)
        with client_of(small.url, small.api_key) as api:
            eventually(lambda: status_of(api) == 503)
            small.publish(100, text=LARGE)
            eventually(lambda: status_of(api) == 200)
        lazy.close()


def status_of(api: Any) -> int:
    with api.stream("GET", "/events") as response:
        status: int = response.status_code
        return status
