"""What every peer does for one command: its group, an event and its inbox row, in one transaction.

It is less than our own handling does. The tables are copies of ours, with every index; but nothing is validated,
nothing is looked up before, no relay is woken and no caller is told. Three prepared statements, straight through the
driver.
"""

import hashlib
from collections.abc import Sequence
from threading import local
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers import DATABASE_URL
from models import names
from models.commands import CommandEnvelope
from models.lifecycle import Counts

_TABLES = {"bench_groups": "job_groups", "bench_events": "events", "bench_inbox": "commands"}
_COUNTS = [f"{bucket}_count" for bucket in Counts.__slots__]

_CHANGES = {
    names.JOB_GROUP_CREATE: f"""
        INSERT INTO bench_groups (id, name, description, template, priority, processing_settings, notifications, tags,
            metadata, search, intent, status, sealed, generation, version, sequence, created_at, updated_at,
            {", ".join(_COUNTS)})
        VALUES (%(group_id)s, %(name)s, %(description)s, %(template)s, %(priority)s, '{{}}', '{{}}', %(tags)s,
            %(metadata)s, to_tsvector('simple', %(name)s), 'active', 'queued', false, 1, 1, 1, now(), now(),
            {", ".join("0" for _ in _COUNTS)})
        RETURNING version, sequence""",
    names.JOB_GROUP_UPDATE: """
        UPDATE bench_groups SET name = %(name)s, description = %(description)s, template = %(template)s,
            priority = %(priority)s, tags = %(tags)s, metadata = %(metadata)s,
            search = to_tsvector('simple', %(name)s), version = version + 1, sequence = sequence + 1, updated_at = now()
        WHERE id = %(group_id)s AND deleted_at IS NULL RETURNING version, sequence""",
    names.JOB_GROUP_DELETE: """
        UPDATE bench_groups SET deleted_at = now(), version = version + 1, sequence = sequence + 1, updated_at = now()
        WHERE id = %(group_id)s AND deleted_at IS NULL RETURNING version, sequence""",
}
_EVENT = """
    INSERT INTO bench_events (group_id, id, sequence, name, data, occurred_at, correlation_id, causation_id)
    VALUES (%(group_id)s, uuidv7(), %(sequence)s, %(type)s, %(data)s, now(), %(id)s, %(id)s)"""
_INBOX = """
    INSERT INTO bench_inbox (id, fingerprint, group_id, outcome, handled_at)
    VALUES (%(id)s, %(fingerprint)s, %(group_id)s, %(outcome)s, now())"""

_OPTIONS: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0}
_own = local()


def prepare(before: Sequence[CommandEnvelope]) -> None:
    """Make the tables anew, and let the commands `before` take effect in them."""
    with psycopg.connect(DATABASE_URL, autocommit=True) as connection:
        for copy, original in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS {copy}")
            connection.execute(f"CREATE TABLE {copy} (LIKE {original} INCLUDING ALL)")
        for envelope in before:
            _write(connection, _row(envelope.id, envelope.type, envelope.data))
        connection.execute("TRUNCATE bench_inbox")
        connection.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}")


def handle(id: str, type: str, data: dict[str, Any]) -> None:
    """Handle one command, on this thread's own connection."""
    if not hasattr(_own, "connection"):
        _own.connection = psycopg.connect(DATABASE_URL, **_OPTIONS)
    _write(_own.connection, _row(id, type, data))


async def handle_in(pool: AsyncConnectionPool, id: str, type: str, data: dict[str, Any]) -> None:
    """Handle one command, on a connection of `pool`."""
    row = _row(id, type, data)
    async with pool.connection() as connection, connection.transaction():
        changed = await connection.execute(_CHANGES[row["type"]], row)
        _note(row, await changed.fetchone())
        await connection.execute(_EVENT, row)
        await connection.execute(_INBOX, row)


def make_pool(size: int) -> AsyncConnectionPool:
    """Return a pool of `size` connections, to be opened."""
    return AsyncConnectionPool(DATABASE_URL, min_size=size, max_size=size, open=False, kwargs=_OPTIONS)


def _write(connection: psycopg.Connection[Any], row: dict[str, Any]) -> None:
    with connection.transaction():
        _note(row, connection.execute(_CHANGES[row["type"]], row).fetchone())
        connection.execute(_EVENT, row)
        connection.execute(_INBOX, row)


def _row(id: str, type: str, data: dict[str, Any]) -> dict[str, Any]:
    written = {"group_id": data["id"], "metadata": Jsonb(data.get("metadata")), "data": Jsonb(data)}
    return data | written | {"id": id, "type": type, "fingerprint": hashlib.sha256(str(data).encode()).digest()}


def _note(row: dict[str, Any], changed: Any) -> None:
    version, row["sequence"] = changed
    row["outcome"] = Jsonb({"status": "succeeded", "version": version})
