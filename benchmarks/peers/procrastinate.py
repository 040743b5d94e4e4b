"""procrastinate, whose queue is PostgreSQL itself."""

from collections.abc import Sequence
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from benchmarks.peers import CONCURRENCY, DATABASE_URL, PROCESS_COUNT, work
from models.commands import CommandEnvelope

SCHEMA = "bench_procrastinate"
WITHIN = {"options": f"-c search_path={SCHEMA},public"}

app = App(connector=PsycopgConnector(conninfo=DATABASE_URL, kwargs=WITHIN))
pool = work.make_pool(CONCURRENCY)

WORKER = [
    *["procrastinate", "--app", "benchmarks.peers.procrastinate.app", "worker"],
    *["--concurrency", str(CONCURRENCY), "--no-listen-notify"],
]
COPIES = PROCESS_COUNT


@app.task(queue="bench", name="handle")
async def handle(id: str, type: str, data: dict[str, Any]) -> None:
    await pool.open()
    await work.handle_in(pool, id, type, data)


def fill(commands: Sequence[CommandEnvelope]) -> None:
    """Queue a job for each of `commands`."""
    with psycopg.connect(DATABASE_URL, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
    with app.replace_connector(SyncPsycopgConnector(conninfo=DATABASE_URL, kwargs=WITHIN)) as sender, sender.open():
        sender.schema_manager.apply_schema()
        jobs = [{"id": command.id, "type": command.type, "data": command.data} for command in commands]
        sender.tasks["handle"].batch_defer(*jobs)
    with psycopg.connect(DATABASE_URL, autocommit=True) as connection:
        connection.execute(f"ANALYZE {SCHEMA}.procrastinate_jobs")
