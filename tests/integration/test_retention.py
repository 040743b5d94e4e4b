"""Forgetting old outcomes on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, insert

from models.store import retention
from models.store.retention import forget_commands
from models.store.tables import commands
from tests.commands import select

DAYS = 90


def remember(engine: Engine, prefix: str, count: int, age: timedelta) -> None:
    """Store `count` outcomes of commands handled `age` ago."""
    handled_at = datetime.now(UTC) - age
    numbered = [
        {"id": f"{prefix}-{n}", "fingerprint": b"", "outcome": {}, "handled_at": handled_at - timedelta(seconds=n)}
        for n in range(count)
    ]
    with engine.begin() as connection:
        connection.execute(insert(commands), numbered)


def remembered(engine: Engine) -> list[str]:
    url = engine.url.render_as_string(hide_password=False)
    return [row["id"] for row in select(url, "SELECT id FROM commands ORDER BY id")]


def test_only_what_is_old_enough_is_forgotten(engine: Engine) -> None:
    remember(engine, "old", 3, timedelta(days=DAYS, minutes=1))
    remember(engine, "young", 3, timedelta(days=DAYS, minutes=-1))
    remember(engine, "new", 3, timedelta())
    assert forget_commands(engine, older_than_days=DAYS) == 3
    assert remembered(engine) == [f"{name}-{n}" for name in ("new", "young") for n in range(3)]
    assert forget_commands(engine, older_than_days=DAYS) == 0


def test_the_old_are_forgotten_in_chunks_oldest_first(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_COUNT", 10)
    remember(engine, "old", 25, timedelta(days=DAYS + 1))
    left: list[int] = []
    event.listen(engine, "commit", lambda _: left.append(len(remembered(engine))))
    forget_commands(engine, older_than_days=DAYS)
    # The listener looks before each commit, so it sees what the transactions before it have left.
    assert left == [25, 15, 5, 0]


def test_two_who_forget_at_once_do_no_harm(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_COUNT", 50)
    remember(engine, "old", 2_000, timedelta(days=DAYS + 1))
    remember(engine, "new", 5, timedelta())
    barrier = Barrier(2)

    def forget() -> int:
        barrier.wait()
        return forget_commands(engine, older_than_days=DAYS)

    with ThreadPoolExecutor(2) as pool:
        forgotten = [future.result() for future in (pool.submit(forget), pool.submit(forget))]
    assert sum(forgotten) == 2_000
    assert remembered(engine) == [f"new-{n}" for n in range(5)]


def test_a_row_that_somebody_else_deletes_holds_nobody_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_COUNT", 2)
    remember(engine, "old", 5, timedelta(days=DAYS + 1))
    with engine.connect() as other, other.begin():
        other.execute(commands.delete().where(commands.c.id == "old-2"))
        assert forget_commands(engine, older_than_days=DAYS) == 4
    assert remembered(engine) == []
