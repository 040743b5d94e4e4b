"""Many rows in one statement.

The rows of a table travel as one JSON document that PostgreSQL unpacks (`jsonb_to_recordset`): one parameter and one
prepared statement whatever their number. Per row that is a fraction of what an executemany costs in the driver.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    FromClause,
    Insert,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

Row = dict[str, Any]

_NOTHING = select(literal(1))

MAX_ROW_COUNT = 10_000
"""Rows in one statement: the end of a long queue is some hundred thousand, where PostgreSQL's JSON values end at 256 MB
and its statements at their timeout."""


def insert_rows(
    connection: Connection, rows_of: Mapping[Table, Sequence[Row]], *, then: Select[Any] = _NOTHING
) -> None:
    """Insert rows into several tables, those of each in their order, and carry out `then`: all in one exchange with the
    database, which costs a small transaction more than the rows.

    Each row has a value for every column that the database does not fill itself.
    """
    tables = tuple(table for table, rows in rows_of.items() if rows)
    for start in range(0, max(map(len, rows_of.values())), MAX_ROW_COUNT):
        chunks = {f"{table.name}_rows": _document(rows_of[table], start) for table in tables}
        connection.execute(_insert(tables, then if start == 0 else _NOTHING), chunks)


def update_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Overwrite the rows of `table` that have the primary keys of `rows`, in the columns that these have."""
    for start in range(0, len(rows), MAX_ROW_COUNT):
        connection.execute(_update(table, tuple(rows[0])), {f"{table.name}_rows": _document(rows, start)})


def _document(rows: Sequence[Row], start: int) -> str:
    return orjson.dumps(rows[start : start + MAX_ROW_COUNT]).decode()


@cache
def _insert(tables: tuple[Table, ...], then: Select[Any]) -> Select[Any]:
    return then.add_cte(*(_insert_into(table).cte(f"into_{table.name}") for table in tables))


def _insert_into(table: Table) -> Insert:
    columns = [c for c in table.c if c.identity is None]
    return insert(table).from_select([c.name for c in columns], select(*_records(table, columns).c))


@cache
def _update(table: Table, names: tuple[str, ...]) -> Update:
    columns = [table.c[name] for name in names]
    records = _records(table, columns)
    same_row = [records.c[key.name] == key for key in table.primary_key]
    changes = {c.name: records.c[c.name] for c in columns if not c.primary_key}
    return update(table).where(*same_row).values(changes)


def _records(table: Table, columns: Sequence[Column[Any]]) -> FromClause:
    document: BindParameter[str] = bindparam(f"{table.name}_rows", type_=Text)
    typed = [column(c.name, c.type) for c in columns]
    return func.jsonb_to_recordset(cast(document, JSONB)).table_valued(*typed).render_derived(with_types=True)
