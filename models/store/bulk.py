"""Many rows in one statement.

The rows of a table travel as one JSON document that PostgreSQL unpacks (`jsonb_to_recordset`): one parameter and one
prepared statement whatever their number. Per row that is a fraction of what an executemany costs in the driver.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
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
RowsOf = Mapping[Table, Sequence[Row]]

_NOTHING = select(literal(1))

MAX_ROW_COUNT = 10_000
"""Rows in one statement: the end of a long queue is some hundred thousand, where PostgreSQL's JSON values end at 256 MB
and its statements at their timeout."""


def write_rows(
    connection: Connection,
    new: RowsOf,
    changed: RowsOf = MappingProxyType({}),
    *,
    then: Select[Any] = _NOTHING,
) -> None:
    """Insert the `new` rows of several tables, those of each in their order; overwrite the rows that have the primary
    keys of the `changed` ones, in the columns that these have; and carry out `then`: all in one exchange with the
    database, which costs a small transaction more than the rows.

    A new row has a value for every column that the database does not fill itself.
    """
    new = {table: rows for table, rows in new.items() if rows}
    changed = {table: rows for table, rows in changed.items() if rows}
    tables, columns = tuple(new), tuple((table, tuple(rows[0])) for table, rows in changed.items())
    longest = max(map(len, [*new.values(), *changed.values()]), default=0)
    for start in range(0, longest, MAX_ROW_COUNT):
        documents = {_new(table): _document(rows, start) for table, rows in new.items()}
        documents |= {_changed(table): _document(rows, start) for table, rows in changed.items()}
        connection.execute(_statement(tables, columns, then if start == 0 else _NOTHING), documents)


def _document(rows: Sequence[Row], start: int) -> str:
    return orjson.dumps(rows[start : start + MAX_ROW_COUNT]).decode()


@cache
def _statement(
    new: tuple[Table, ...], changed: tuple[tuple[Table, tuple[str, ...]], ...], then: Select[Any]
) -> Select[Any]:
    updates = (_update_of(table, names).cte(f"in_{table.name}") for table, names in changed)
    inserts = (_insert_into(table).cte(f"into_{table.name}") for table in new)
    return then.add_cte(*updates, *inserts)


def _insert_into(table: Table) -> Insert:
    columns = [c for c in table.c if c.identity is None]
    return insert(table).from_select([c.name for c in columns], select(*_records(_new(table), columns).c))


def _update_of(table: Table, names: tuple[str, ...]) -> Update:
    columns = [table.c[name] for name in names]
    records = _records(_changed(table), columns)
    same_row = [records.c[key.name] == key for key in table.primary_key]
    changes = {c.name: records.c[c.name] for c in columns if not c.primary_key}
    return update(table).where(*same_row).values(changes)


def _new(table: Table) -> str:
    """The parameter that the new rows of `table` are in."""
    return f"new_{table.name}"


def _changed(table: Table) -> str:
    return f"changed_{table.name}"


def _records(parameter: str, columns: Sequence[Column[Any]]) -> FromClause:
    document: BindParameter[str] = bindparam(parameter, type_=Text)
    typed = [column(c.name, c.type) for c in columns]
    return func.jsonb_to_recordset(cast(document, JSONB)).table_valued(*typed).render_derived(with_types=True)
