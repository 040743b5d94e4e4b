"""Many rows in few statements."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from models.store import bulk
from models.store.bulk import write_rows
from models.store.tables import attempts
from tests.commands import select

NOW = datetime.now(UTC)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"command_id": f"c{number}", "count": count, "attempted_at": NOW} for number in range(5)]


def test_more_rows_than_a_statement_takes_go_in_several(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_ROW_COUNT", 2)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *execution: statements.append(execution[2]))
    with engine.begin() as connection:
        write_rows(connection, {attempts: rows(1)})
        write_rows(connection, {}, {attempts: rows(7)})
    stored = select(engine.url.render_as_string(hide_password=False), "SELECT * FROM attempts ORDER BY command_id")
    assert stored == rows(7)
    assert [statement.split()[0] for statement in statements] == ["WITH"] * 6


def test_no_rows_are_no_statement(engine: Engine) -> None:
    with engine.connect() as connection:
        write_rows(connection, {attempts: []}, {attempts: []})
        assert not connection.in_transaction()
