"""HTTP: writes that are durable and confirmed, and reads of one group, against an endpoint with no queue behind it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count
from statistics import median, quantiles

import psycopg

from benchmarks.alternation import Contestants, alternate
from benchmarks.http_endpoints import Endpoint, our_service, plain_endpoint, unguarded_service
from benchmarks.http_load import latencies_ms, requests_per_second
from benchmarks.processor_time import by_kind, spent_seconds
from benchmarks.stage import BROKERS, Stage, stage
from benchmarks.table import Table

CALLERS = 32
SECONDS = 6.0
CALM_PER_SECOND = 50.0
CALM_SECONDS = 20.0
PLAIN_PROCESSES = (1, 4)
QUIET_SECONDS = 120.0
LEAST_TOLD_MS = 0.01

Keep = Callable[[Table], None]


def measure(rounds: int, keep: Keep) -> None:
    """Measure writes at full load and at a calm pace, reads, and what a key and its limit cost."""
    with stage() as shared, ExitStack() as peers:
        plain = [peers.enter_context(plain_endpoint(shared, processes)) for processes in PLAIN_PROCESSES]
        for broker in BROKERS:
            with our_service(shared, broker, "api", "worker", "relay") as ours:
                _measure_writes(shared, broker, [ours, ours.not_waiting(), *plain], rounds, keep)
                _measure_calm_writes(shared, broker, [ours, ours.not_waiting(), plain[0]], rounds, keep)
        with our_service(shared, "redis", "api", "worker") as ours:
            _measure_reads([ours, *plain], rounds, keep)
        _measure_keys(shared, rounds, keep)


def _measure_writes(shared: Stage, broker: str, endpoints: list[Endpoint], rounds: int, keep: Keep) -> None:
    costs: dict[str, list[dict[str, float]]] = {each.name: [] for each in endpoints}

    def run(endpoint: Endpoint) -> float:
        _wait_until_quiet(shared)
        asked, before = count(), spent_seconds(shared.home)
        requests = (request for request, _ in zip(endpoint.writes(), asked, strict=False))
        figure = requests_per_second(
            endpoint.url, requests, callers=CALLERS, seconds=SECONDS, expected=endpoint.written_status
        )
        spent, asked_count = by_kind(before, spent_seconds(shared.home)), next(asked)
        costs[endpoint.name].append({kind: seconds * 1000 / asked_count for kind, seconds in spent.items()})
        return figure

    ours, _, *plain = endpoints
    figures = alternate({each.name: partial(run, each) for each in endpoints}, rounds, "requests/s")
    for endpoint in (ours, plain[0]):
        keep(_costs_table(endpoint.name, broker, costs[endpoint.name]))
    keep(
        Table(
            topic="HTTP",
            title=f"Creating groups, {CALLERS} callers, {broker}",
            unit="requests/s",
            ours=ours.name,
            figures=figures,
            required={plain[0].name: 3.0},
            said=_WRITES_SAID,
        )
    )


def _costs_table(name: str, broker: str, costs: list[dict[str, float]]) -> Table:
    kinds = [kind for kind in costs[0] if max(run[kind] for run in costs) >= LEAST_TOLD_MS]
    return Table(
        topic="HTTP",
        title=f"Where the processor's time goes: {name}, {broker}",
        unit="ms per request",
        ours=None,
        figures={kind: [round(run[kind], 3) for run in costs] for kind in kinds},
        less_is_better=True,
        said="Processor time of each kind of process while the requests above ran, over the number of them.",
    )


def _measure_calm_writes(shared: Stage, broker: str, endpoints: list[Endpoint], rounds: int, keep: Keep) -> None:
    tails: dict[str, list[float]] = {each.name: [] for each in endpoints}

    def run(endpoint: Endpoint) -> float:
        _wait_until_quiet(shared)
        taken = latencies_ms(
            endpoint.url,
            endpoint.writes(),
            callers=CALLERS,
            per_second=CALM_PER_SECOND,
            seconds=CALM_SECONDS,
            expected=endpoint.written_status,
        )
        tails[endpoint.name].append(round(quantiles(taken, n=100)[98], 3))
        return median(taken)

    *both, plain = endpoints
    middles = alternate({each.name: partial(run, each) for each in endpoints}, rounds, "ms")
    for ours in both:
        for title, figures, allowed in (("p50", middles, 1.5), ("p99", tails, 2.0)):
            keep(
                Table(
                    topic="HTTP",
                    title=f"{_CALM_TITLES[ours.written_status]}, {CALM_PER_SECOND:g} a second, {broker}: {title}",
                    unit="ms",
                    ours=ours.name,
                    figures={each.name: figures[each.name] for each in (ours, plain)},
                    less_is_better=True,
                    required={plain.name: round(1 / allowed, 2)},
                    said=_CALM_SAID[ours.written_status],
                )
            )


def _measure_reads(endpoints: list[Endpoint], rounds: int, keep: Keep) -> None:
    ours, *plain = endpoints
    figures = alternate(_readers(endpoints), rounds, "requests/s")
    keep(
        Table(
            topic="HTTP",
            title=f"Reading one group, {CALLERS} callers",
            unit="requests/s",
            ours=ours.name,
            figures=figures,
            required={plain[0].name: 1.0},
            said="Ours looks up at once what several callers ask for meanwhile (`api_stub/gathering.py`).",
        )
    )


def _measure_keys(shared: Stage, rounds: int, keep: Keep) -> None:
    with ExitStack() as variants:
        endpoints = [
            variants.enter_context(our_service(shared, "redis", "api", "worker", name="a key and its limit")),
            variants.enter_context(
                our_service(shared, "redis", "api", name="a key, no limit", rate_limit_per_minute=0)
            ),
            variants.enter_context(unguarded_service(shared)),
        ]
        figures = alternate(_readers(endpoints), rounds, "requests/s")
    keep(
        Table(
            topic="HTTP",
            title="What keys and limits cost",
            unit="requests/s",
            ours=endpoints[0].name,
            figures=figures,
            said=f"Reading one group, {CALLERS} callers: a key is looked up and counted within the process.",
        )
    )


def _readers(endpoints: list[Endpoint]) -> Contestants:
    return {
        each.name: partial(requests_per_second, each.url, each.reads(), callers=CALLERS, seconds=SECONDS, expected=200)
        for each in endpoints
    }


def _wait_until_quiet(shared: Stage) -> None:
    """Until what earlier runs left in the queue is carried out, and the relay has published it."""
    deadline = time.monotonic() + QUIET_SECONDS
    query = "SELECT count(*), count(*) FILTER (WHERE position IS NULL) FROM events"
    with psycopg.connect(shared.postgres_url, autocommit=True) as connection:
        before = None
        while (now := connection.execute(query).fetchone()) != before or now[1]:
            assert time.monotonic() < deadline, "the service does not catch up"
            before = now
            time.sleep(0.5)


_WRITES_SAID = f"""\
{CALLERS} callers, each of which sends its next request when its last is answered with 201. Either way the row in the
inbox, the group and its event are committed by then, after the same contracts and in the same tables. Ours are one
process of the API, a worker with two pool children and the relay; the plain endpoint commits one transaction for each
request, in FastAPI's threads (faster than with an asynchronous engine), with a connection for each caller. Those of
"ours, not waiting" ask for an answer (202) when the broker has confirmed the command (`Prefer: respond-async`)."""

_CALM_TITLES = {201: "Creating groups", 202: "Creating groups, not waiting for the outcome"}
_BY_THE_CLOCK = f"""\
{CALM_PER_SECOND:g} requests a second by the clock, for {CALM_SECONDS:g} s each round; a request's time counts from when
it should have been sent. "Better by" 0.67 means that ours takes 1.5 times as long."""
_CALM_SAID = {
    201: _BY_THE_CLOCK,
    202: f"""\
{_BY_THE_CLOCK} Ours
answers with 202 when the broker has confirmed the command (`Prefer: respond-async`), the plain endpoint as ever.""",
}
