"""Many rows in one statement.

The rows travel as one JSON document that PostgreSQL unpacks (`jsonb_to_recordset`): one parameter and one prepared
statement whatever their number. Per row that is a fraction of what an executemany costs in the driver.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    FromClause,
    Insert,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

Row = dict[str, Any]

MAX_ROW_COUNT = 10_000
"""Rows in one statement: the end of a long queue is some hundred thousand, where PostgreSQL's JSON values end at 256 MB
and its statements at their timeout."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert `rows`, each a value for every column that the database does not fill itself, in their order."""
    _execute(connection, _insert(table), rows)


def update_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Overwrite the rows of `table` that have the primary keys of `rows`, in the columns that these have."""
    if rows:
        _execute(connection, _update(table, tuple(rows[0])), rows)


def _execute(connection: Connection, statement: Insert | Update, rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), MAX_ROW_COUNT):
        connection.execute(statement, {"rows": orjson.dumps(rows[start : start + MAX_ROW_COUNT]).decode()})


@cache
def _insert(table: Table) -> Insert:
    columns = _writable(table)
    records = _records(columns)
    return insert(table).from_select([c.name for c in columns], select(*records.c))


@cache
def _update(table: Table, names: tuple[str, ...]) -> Update:
    columns = [table.c[name] for name in names]
    records = _records(columns)
    same_row = [records.c[key.name] == key for key in table.primary_key]
    changes = {c.name: records.c[c.name] for c in columns if not c.primary_key}
    return update(table).where(*same_row).values(changes)


def _writable(table: Table) -> list[Column[Any]]:
    return [c for c in table.c if c.identity is None]


def _records(columns: Sequence[Column[Any]]) -> FromClause:
    document: BindParameter[str] = bindparam("rows", type_=Text)
    typed = [column(c.name, c.type) for c in columns]
    return func.jsonb_to_recordset(cast(document, JSONB)).table_valued(*typed).render_derived(with_types=True)
