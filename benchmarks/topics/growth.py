"""Growth: what is read and written costs the same on a million groups as on ten thousand."""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from statistics import median

from benchmarks.alternation import alternate
from benchmarks.grown_services import FEW_JOBS, MANY_JOBS, GrownService, grown_service
from benchmarks.growth_plot import plot_growth
from benchmarks.growth_requests import (
    Make,
    Prepare,
    deep_page,
    first_page,
    jobs_page,
    new_group,
    of_number,
    one_group,
    where,
)
from benchmarks.page import PAGE
from benchmarks.stage import stage
from benchmarks.table import Table

SIZES = (10_000, 100_000, 1_000_000)
REQUEST_COUNT = 100
WARM_UP_COUNT = 10
AT_MOST_TIMES = 2.0
PLOT = "growth.png"
SAID = f"""\
Medians of {REQUEST_COUNT} requests over HTTP, one after the other. Pages have 50 items and, but for the
totals aside, `count=none`. Three services run on the same servers, each with its own database."""

Keep = Callable[[Table], None]
_few, _many = attrgetter("few"), attrgetter("many")

OPERATIONS: dict[str, Prepare] = {
    "First page": first_page(),
    "First page by name": first_page(sort="name", order="asc"),
    "First page, latest finished first": first_page(sort="finishedAt"),
    "Page in the middle, by cursor": deep_page(),
    "Page in the middle by name, by cursor": deep_page(sort="name", order="asc"),
    "Filter: status, one in 20": where(status="queued"),
    "Filter: priority, one in 200": where(priority="urgent"),
    "Filter: status and metadata, one in 100": where(**{"status": "completed", "metadata.site": "Site7"}),
    "Filter: a tag that one group has": of_number(lambda number: {"filter": f'{{"tags": "order-{number}"}}'}),
    "Filter: metadata that one group has": of_number(lambda number: {"filter": f'{{"metadata.order": {number}}}'}),
    "Search: a word in every group": first_page(search="invoice"),
    "Search: a word in one group": of_number(lambda number: {"search": str(number)}),
    "Search: two words in every group, one in one": of_number(lambda number: {"search": f"invoice batch {number}"}),
    "One group": one_group,
    "Create": new_group,
    "First page of a group's 1,000 jobs": jobs_page(_few),
}
JOB_OPERATIONS: dict[str, Mapping[str, Prepare]] = {
    "First page of a group's jobs": {"few": jobs_page(_few), "many": jobs_page(_many)},
    "Later page of a group's jobs, by cursor": {
        "few": jobs_page(_few, is_deep=True),
        "many": jobs_page(_many, is_deep=True),
    },
    "First page of a group's jobs by number": {
        "few": jobs_page(_few, sort="number"),
        "many": jobs_page(_many, sort="number"),
    },
}
ASIDE: dict[str, Prepare] = {
    "Aside: first page with its total counted (`count=exact`)": first_page(count="exact"),
    "Aside: first page with its total estimated": first_page(count="estimated"),
}


def measure(rounds: int, keep: Keep) -> None:
    """Measure each operation at each size."""
    random.seed(5)
    with stage(with_rabbitmq=False) as shared, ExitStack() as stack:
        services = [stack.enter_context(grown_service(shared, size, 1 + n)) for n, size in enumerate(SIZES)]
        by_size = [_by_size(title, prepare, services, rounds, keep) for title, prepare in OPERATIONS.items()]
        for title, prepared in JOB_OPERATIONS.items():
            _by_jobs(title, prepared, services[-1], rounds, keep)
        for title, prepare in ASIDE.items():
            _by_size(title, prepare, services, rounds, keep, is_aside=True)
    plot_growth({table.title: table.figures for table in by_size}, SIZES, PAGE.parent / PLOT)


def _by_size(
    title: str,
    prepare: Prepare,
    services: list[GrownService],
    rounds: int,
    keep: Keep,
    *,
    is_aside: bool = False,
) -> Table:
    runs = {f"{service.size:,} groups": partial(_median_ms, service, prepare(service)) for service in services}
    table = _table(title, alternate(runs, rounds, "ms"), is_required=not is_aside)
    keep(table)
    return table


def _by_jobs(title: str, prepared: Mapping[str, Prepare], service: GrownService, rounds: int, keep: Keep) -> None:
    runs = {
        f"{job_count:,} jobs": partial(_median_ms, service, prepared[kind](service))
        for kind, job_count in (("few", FEW_JOBS), ("many", MANY_JOBS))
    }
    keep(_table(title, alternate(runs, rounds, "ms")))


def _table(title: str, figures: dict[str, list[float]], *, is_required: bool = True) -> Table:
    smallest, *_, largest = figures
    return Table(
        topic="Growth",
        title=title,
        unit="ms",
        ours=largest,
        figures=figures,
        less_is_better=True,
        required={smallest: 1 / AT_MOST_TIMES} if is_required else {},
        said=SAID,
        plot=PLOT if title == next(iter(OPERATIONS)) else None,
    )


def _median_ms(service: GrownService, make: Make) -> float:
    taken = []
    service.connection.close()  # the service may have: while others had their turn it was idle. It opens by itself.
    for number in range(WARM_UP_COUNT + REQUEST_COUNT):
        path, body = make()
        begin_at = time.perf_counter()
        service.ask(path, body)
        if number >= WARM_UP_COUNT:
            taken.append((time.perf_counter() - begin_at) * 1000)
    return median(taken)
