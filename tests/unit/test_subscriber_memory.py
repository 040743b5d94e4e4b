"""What a subscriber remembers in SQLite, and what its handler writes there with it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import client.memory
from client.memory import NoMemory, SqliteMemory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[SqliteMemory]:
    memory = SqliteMemory(tmp_path / "memory")
    memory.connection.execute("CREATE TABLE effects (id TEXT)")
    yield memory
    memory.close()


def event(sequence: int | None, group_id: str = "g", id_: str | None = None) -> dict[str, Any]:
    told = {"id": id_ or f"{group_id}{sequence}", "subject": group_id, "sequence": sequence}
    return {attribute: value for attribute, value in told.items() if value is not None}


def write(memory: SqliteMemory, event: dict[str, Any]) -> bool:
    return memory.handle(
        event, lambda given: memory.connection.execute("INSERT INTO effects VALUES (?)", [given["id"]])
    )


def effects(memory: SqliteMemory) -> list[str]:
    return [id_ for (id_,) in memory.connection.execute("SELECT id FROM effects ORDER BY rowid")]


def test_groups_are_remembered_by_their_last_event_and_others_by_their_ids(memory: SqliteMemory) -> None:
    given = [event(1), event(2), event(1), event(5), event(2), event(5), event(6), event(1, "h")]
    assert [write(memory, each) for each in given] == [True, True, False, True, False, False, True, True]
    rejections = [event(None, id_="r1"), event(None, id_="r2"), event(None, id_="r1")]
    assert [write(memory, each) for each in rejections] == [True, True, False]
    assert effects(memory) == ["g1", "g2", "g5", "g6", "h1", "r1", "r2"]


def test_what_fails_leaves_nothing_behind(memory: SqliteMemory) -> None:
    def fail(given: dict[str, Any]) -> None:
        memory.connection.execute("INSERT INTO effects VALUES ('half')")
        raise LookupError

    for each in (event(1), event(None, id_="r")):
        with pytest.raises(LookupError):
            memory.handle(each, fail)
        assert effects(memory) == []
    assert write(memory, event(1))
    assert write(memory, event(None, id_="r"))


def test_a_file_is_remembered_from_one_process_to_the_next(memory: SqliteMemory, tmp_path: Path) -> None:
    write(memory, event(3))
    again = SqliteMemory(tmp_path / "memory")
    assert [write(again, event(number)) for number in (2, 3, 4)] == [False, False, True]
    again.close()


def test_two_that_have_the_same_file_handle_each_event_once(memory: SqliteMemory, tmp_path: Path) -> None:
    def work() -> None:
        mine = SqliteMemory(tmp_path / "memory")
        for number in range(1, 201):
            write(mine, event(number))
        mine.close()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = effects(memory)
    assert len(found) == len(set(found))
    assert found[-1] == "g200"


def test_ids_are_forgotten_beyond_a_number(memory: SqliteMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.memory, "MAX_IDS_COUNT", 3)
    for number in range(10):
        write(memory, event(None, id_=str(number)))
    assert [write(memory, event(None, id_=str(number))) for number in (9, 8, 7, 0)] == [False, False, False, True]
    (count,) = memory.connection.execute("SELECT count(*) FROM handled_events").fetchone()
    assert count == 3


def test_groups_are_forgotten_after_months(memory: SqliteMemory, tmp_path: Path) -> None:
    write(memory, event(3))
    write(memory, event(3, "h"))
    memory.connection.execute("UPDATE handled_groups SET handled_at = '2023-01-01 00:00:00' WHERE group_id = 'g'")
    SqliteMemory(tmp_path / "memory").close()
    assert [write(memory, event(3)), write(memory, event(3, "h"))] == [True, False]


def test_a_handler_that_closes_the_transaction_is_found_out(memory: SqliteMemory) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no transaction"):
        memory.handle(event(1), lambda _: memory.connection.commit())


def test_without_a_memory_everything_is_new() -> None:
    handled: list[Any] = []
    assert [NoMemory().handle(event(1), handled.append) for _ in range(2)] == [True, True]
    assert len(handled) == 2
