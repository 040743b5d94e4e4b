"""What one message of commands costs: seconds of each process, rows, bytes."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import psutil
import psycopg
from sqlalchemy import Engine, create_engine, text

from benchmarks.scaling.meters import cpu_seconds, wal_bytes
from benchmarks.stage import Stage
from models import names
from models.commands import CommandEnvelope
from tasks.handling import handle
from tests.commands import command, create, new_id

PER_MESSAGE = 100
MESSAGE_COUNT = 200
TABLES = ("job_groups", "jobs", "events", "commands")

Message = Sequence[CommandEnvelope]


def creates() -> Iterator[Message]:
    """Messages of a hundred new groups."""
    for _ in range(MESSAGE_COUNT):
        yield [create(new_id()) for _ in range(PER_MESSAGE)]


def additions() -> Iterator[Message]:
    """New groups with a hundred documents each, which are dispatched at once."""
    for _ in range(MESSAGE_COUNT):
        group_id = new_id()
        jobs = [{"id": new_id(), "document": {"uri": f"s3://invoices/2026/{new_id()}.pdf"}} for _ in range(PER_MESSAGE)]
        yield [create(group_id), command(names.JOB_ADD, {"groupId": group_id, "jobs": jobs})]


def reports(engine: Engine) -> Iterator[Message]:
    """For each group in the database, one command that reports all of its jobs."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT group_id, array_agg(id) FROM jobs GROUP BY group_id")).all()
    for group_id, job_ids in rows:
        told = [
            {"jobId": str(job_id), "groupId": str(group_id), "attempt": 1, "status": "succeeded", "confidence": 0.97}
            | {"result": {"invoiceNumber": "RE-2026-0815", "total": "1234.56", "currency": "EUR"}}
            for job_id in job_ids
        ]
        yield [command(names.JOB_REPORT, {"reports": told})]


def costs_of_commands(servers: Stage) -> dict[str, Any]:
    """Measure the three kinds of message, one process on an otherwise idle service."""
    servers.clean()
    engine = create_engine(servers.database_url, pool_size=1, max_overflow=0)
    try:
        found = {"created group": _measured(servers, engine, list(creates()))}
        servers.clean()
        found["added job"] = _measured(servers, engine, list(additions()))
        found["reported job"] = _measured(servers, engine, list(reports(engine)))
        return found
    finally:
        engine.dispose()


def _measured(servers: Stage, engine: Engine, messages: Sequence[Message]) -> dict[str, Any]:
    with engine.connect() as connection:
        backend = psutil.Process(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    rows, sizes, wal = _rows(servers), _sizes(servers), wal_bytes(servers)
    ours, server = time.process_time(), cpu_seconds(backend)
    seconds = [_timed(partial(handle, engine, message)) for message in messages]
    ours, server = time.process_time() - ours, cpu_seconds(backend) - server
    count = len(messages) * PER_MESSAGE
    return {
        "worker_cpu_us": round(ours / count * 1e6, 1),
        "postgres_cpu_us": round(server / count * 1e6, 1),
        "message_ms": sorted(round(each * 1000, 2) for each in seconds),
        "wal_bytes": round((wal_bytes(servers) - wal) / count),
        "rows": {table: round((after - rows[table]) / count, 2) for table, after in _rows(servers).items()},
        "bytes": {table: round((after - sizes[table]) / count) for table, after in _sizes(servers).items()},
    }


def _timed(run: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    run()
    return time.perf_counter() - began_at


def _rows(servers: Stage) -> dict[str, int]:
    return _of_tables(servers, "SELECT count(*) FROM {}")


def _sizes(servers: Stage) -> dict[str, int]:
    """Tables with their indexes."""
    return _of_tables(servers, "SELECT pg_total_relation_size('{}')")


def _of_tables(servers: Stage, sql: str) -> dict[str, int]:
    with psycopg.connect(servers.postgres_url) as connection:
        return {table: int(connection.execute(sql.format(table)).fetchone()[0]) for table in TABLES}  # type: ignore[index, arg-type]
