"""Dead letters that were replayed are forgotten in time; those that wait for somebody never are."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, update

from models.dead_letter import DeadLetter, DeadLetterReason
from models.store import retention
from models.store.graveyard import bury
from models.store.retention import forget_dead_letters
from models.store.tables import dead_letters
from tests.commands import select

DAYS = 30


def letter(engine: Engine, detail: str, *, died: timedelta, replayed: timedelta | None = None) -> None:
    """Keep a letter that died and was replayed that long ago."""
    with engine.begin() as connection:
        (id_,) = bury(
            connection, [DeadLetter(reason=DeadLetterReason.HANDLING_FAILED, detail=detail, source="tests", body=b"{}")]
        )
        times = {"died_at": func.now() - died, "replayed_at": None if replayed is None else func.now() - replayed}
        connection.execute(update(dead_letters).where(dead_letters.c.id == id_).values(times))


def kept(engine: Engine) -> list[str]:
    url = engine.url.render_as_string(hide_password=False)
    return [row["detail"] for row in select(url, "SELECT detail FROM dead_letters ORDER BY detail")]


def test_only_what_was_replayed_long_ago_is_forgotten(engine: Engine) -> None:
    ancient, old, young = timedelta(days=1000), timedelta(days=DAYS, minutes=1), timedelta(days=DAYS, minutes=-1)
    letter(engine, "never replayed", died=ancient)
    letter(engine, "replayed lately", died=ancient, replayed=young)
    letter(engine, "replayed long ago", died=ancient, replayed=old)
    assert forget_dead_letters(engine, older_than_days=DAYS) == 1
    assert kept(engine) == ["never replayed", "replayed lately"]
    assert forget_dead_letters(engine, older_than_days=DAYS) == 0


def test_a_great_many_go_in_chunks(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK_COUNT", 2)
    for number in range(5):
        letter(engine, str(number), died=timedelta(days=99), replayed=timedelta(days=DAYS + number))
    assert forget_dead_letters(engine, older_than_days=DAYS) == 5
    assert kept(engine) == []
