"""How many rows PostgreSQL takes a query to have, from its statistics: a plan costs less than a count."""

from typing import Any

from sqlalchemy import Executable, Select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Explain)
def _write(element: _Explain, compiler: SQLCompiler, **how: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.query, **how)}"


async def estimate_count(connection: AsyncConnection, query: Select[Any]) -> int:
    """Return about how many rows `query` has."""
    [plan] = (await connection.execute(_Explain(query))).scalar_one()
    rows: int = plan["Plan"]["Plan Rows"]
    return rows
