"""Where the time of a command goes, layer by layer, in the process that carries it out."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any
from uuid import uuid4

from benchmarks.stage import Stage, stage
from benchmarks.table import Table

BATCH_COUNT, BATCH_SIZE = 100, 100
SAMPLE_SECONDS = 0.001
LAYERS = {
    "/psycopg/connection": "waiting for PostgreSQL",
    "bounded_connections": "waiting for PostgreSQL",
    "/psycopg": "psycopg",
    "/sqlalchemy/": "SQLAlchemy",
    "/pydantic/": "contracts (pydantic)",
    "/models/store/": "rows (models/store)",
    "/models/": "domain (models)",
    "/tasks/": "tasks",
}
"""By a part of the path of the innermost file that has one; the first that fits. C code counts for its caller."""
REST = "the rest"

Batch = list[dict[str, Any]]


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Sample the stack of one process that receives one batch after the other."""
    with stage(with_rabbitmq=False) as shared:
        receive = _receiver(shared)
        for title, batches in (("job_group.create", _creations()), ("job.report", _reports(receive))):
            runs = [_profile(receive, batches(BATCH_COUNT)) for _ in range(rounds)]
            layers = [*dict.fromkeys(LAYERS.values()), REST]
            keep(
                Table(
                    topic="Where the time goes",
                    title=title,
                    unit="microseconds per command" if title.endswith("create") else "microseconds per report",
                    ours=None,
                    figures={layer: [round(run[layer], 2) for run in runs] for layer in layers},
                    less_is_better=True,
                    said=f"One process, {BATCH_SIZE} in each transaction, its stack looked at every millisecond.",
                )
            )


def _receiver(shared: Stage) -> Callable[[Batch], None]:
    os.environ |= {"JOBGROUPS_DATABASE_URL": shared.postgres_url, "JOBGROUPS_REDIS_URL": shared.redis_url}
    from logs import configure_logging
    from tasks.receiving import receive  # reads the settings when it is first called

    with redirect_stderr(Path(os.devnull).open("w")):
        configure_logging("INFO")
    request = SimpleNamespace(id="profiled", delivery_info={})

    def receive_all(batch: Batch) -> None:
        outcomes = receive(request, batch)
        assert {outcome.status for outcome in outcomes} == {"succeeded"}, outcomes

    return receive_all


def _creations() -> Callable[[int], Iterator[Batch]]:
    def command(number: int) -> dict[str, Any]:
        fields = {"name": f"Invoices {number}", "template": "acme", "priority": "high", "tags": ["a", "b"]}
        return _command("job_group.create", {"id": str(uuid4()), "metadata": {"site": "north"}, **fields})

    return lambda count: ([command(number) for number in range(BATCH_SIZE)] for _ in range(count))


def _reports(receive: Callable[[Batch], None]) -> Callable[[int], Iterator[Batch]]:
    """Each run has a group of its own, whose jobs are dispatched when they are added."""

    def batches(count: int) -> Iterator[Batch]:
        group, jobs = str(uuid4()), [str(uuid4()) for _ in range(count * BATCH_SIZE)]
        receive([_command("job_group.create", {"id": group, "name": "Hot", "template": "acme"})])
        chunks = [jobs[start : start + BATCH_SIZE] for start in range(0, len(jobs), BATCH_SIZE)]
        for chunk in chunks:
            added = [{"id": job, "document": {"uri": f"https://example.com/{job}.pdf"}} for job in chunk]
            receive([_command("job.add", {"groupId": group, "jobs": added, "last": False})])
        about = {"groupId": group, "attempt": 1, "status": "succeeded", "confidence": 0.95, "result": {"total": "1.5"}}
        yield from ([_command("job.report", {"reports": [{"jobId": job, **about} for job in c]})] for c in chunks)

    return batches


def _command(type_: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(uuid4()), "type": type_, "data": data}


def _profile(receive: Callable[[Batch], None], batches: Iterator[Batch]) -> dict[str, float]:
    """Return the microseconds of each layer per command."""
    prepared: Sequence[Batch] = list(batches)
    with _sampling() as samples:
        for batch in prepared:
            receive(batch)
    each = SAMPLE_SECONDS * 1e6 / (BATCH_COUNT * BATCH_SIZE)
    return Counter({layer: count * each for layer, count in samples.items()})  # type: ignore[arg-type]


@contextmanager
def _sampling() -> Iterator[Counter[str]]:
    samples: Counter[str] = Counter()

    def look(_number: int, frame: FrameType | None) -> None:
        samples[_layer_of(frame)] += 1

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, SAMPLE_SECONDS, SAMPLE_SECONDS)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _layer_of(frame: FrameType | None) -> str:
    while frame is not None:
        path = frame.f_code.co_filename
        for part, layer in LAYERS.items():
            if part in path:
                return layer
        frame = frame.f_back
    return REST
