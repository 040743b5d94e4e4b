"""Memory over two hundred thousand commands."""

import asyncio
import threading
import time
from collections.abc import Callable

import httpx
import psutil

from benchmarks.backlog import PATIENCE_SECONDS, creates
from benchmarks.contestants import counting
from benchmarks.memory_curve import Curve, sampled
from benchmarks.page import PAGE
from benchmarks.sending import empty_queue, send_batches
from benchmarks.stage import Stage, stage
from benchmarks.table import Table
from settings import Settings
from tests.contract.http_api import GROUPS, free_port

TOPIC = "memory"
COUNT, OVER_HTTP_COUNT = 200_000, 20_000
PORTION_COUNT = 5_000
"""Commands in the queue at once: a backlog is Redis's memory, and none of ours."""
CALLER_COUNT = 16
WARM_UP_SHARE, WINDOW_SHARE = 0.1, 0.05
ALLOWED_GROWTH = 1.1

PROCESSES = ("API", "relay", "worker's main process", "worker's pool children")
"""In the order of the page, which is that of the alphabet."""

API_KEY = "memory-benchmark-key"
PLOT = "memory.png"
WARM, END = "after warm-up", f"after {COUNT:,} commands"
SAID = f"""\
The resident set of each process while {COUNT:,} `job_group.create` go through it: {OVER_HTTP_COUNT:,} over HTTP from \
{CALLER_COUNT} callers, each waiting for its outcome, the others meanwhile in batches through Redis. Medians of the \
samples from {WARM_UP_SHARE:.0%} to {WARM_UP_SHARE + WINDOW_SHARE:.0%} of the commands and of the last \
{WINDOW_SHARE:.0%}; one run. Growth to {ALLOWED_GROWTH} times is allowed."""


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Measure a table for each process. One run, whatever `rounds` says: a curve is no figure to take the median of."""
    with stage(with_rabbitmq=False) as servers:
        curve = _run(servers)
    curve.draw(PAGE.with_name(PLOT))
    for name in curve.resident_mebibytes:
        keep(_table(curve, name))


def _table(curve: Curve, name: str) -> Table:
    is_first = name == PROCESSES[0]
    warm = curve.between(name, COUNT * WARM_UP_SHARE, COUNT * (WARM_UP_SHARE + WINDOW_SHARE))
    end = curve.between(name, COUNT * (1 - WINDOW_SHARE), COUNT)
    return Table(
        topic=TOPIC,
        title=f"Memory of the {name}",
        unit="MiB",
        ours=END,
        figures={WARM: [round(warm, 1)], END: [round(end, 1)]},
        less_is_better=True,
        required={WARM: round(1 / ALLOWED_GROWTH, 3)},
        said=SAID if is_first else "",
        plot=PLOT if is_first else None,
    )


def _run(servers: Stage) -> Curve:
    empty_queue(servers.redis_url)
    settings = servers.settings(
        "redis", worker_concurrency=2, port=free_port(), api_keys=API_KEY, rate_limit_per_minute=0
    )
    with servers.service(settings, "worker", "relay", "api") as running, counting(servers, "commands") as handled:
        _wait_until_ready(settings)
        worker, relay, api = (psutil.Process(running[kind].pid) for kind in ("worker", "relay", "api"))
        groups = [api, *api.children(recursive=True)], [relay], [worker], worker.children()
        callers = threading.Thread(target=lambda: asyncio.run(_call(settings)))
        with sampled(dict(zip(PROCESSES, groups, strict=True)), handled) as curve:
            callers.start()
            _send(servers, handled)
            callers.join()
    return curve


def _send(servers: Stage, handled: Callable[[], int]) -> None:
    """Send what does not go over HTTP, a portion whenever the one before is nearly handled, and wait for the last."""
    portions = (COUNT - OVER_HTTP_COUNT) // PORTION_COUNT
    for number in range(1, portions + 1):
        send_batches(servers.redis_url, creates(PORTION_COUNT).commands)
        _wait_for(handled, (number - 1) * PORTION_COUNT)
    _wait_for(handled, COUNT)


def _wait_for(handled: Callable[[], int], count: int) -> None:
    before, moved_at = -1, time.monotonic()
    while (found := handled()) < count:
        if found != before:
            before, moved_at = found, time.monotonic()
        assert time.monotonic() - moved_at < PATIENCE_SECONDS, f"{found} commands are handled, and no more"
        time.sleep(0.2)


async def _call(settings: Settings) -> None:
    async with httpx.AsyncClient(
        base_url=_address(settings), headers={"X-API-Key": API_KEY}, timeout=60, trust_env=False
    ) as client:
        await asyncio.gather(*(_create_groups(client, OVER_HTTP_COUNT // CALLER_COUNT) for _ in range(CALLER_COUNT)))


async def _create_groups(client: httpx.AsyncClient, count: int) -> None:
    for command in creates(count).commands:
        answer = await client.post(GROUPS, json={name: value for name, value in command.data.items() if name != "id"})
        answer.raise_for_status()


def _address(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"


def _wait_until_ready(settings: Settings) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _is_ready(settings):
        assert time.monotonic() < deadline, "the service is not ready"
        time.sleep(0.2)


def _is_ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"{_address(settings)}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False
