"""What was measured, as tables and as the page."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page, table
from benchmarks.alternation import alternate
from benchmarks.table import Table, kept_tables


def _table(**more: Any) -> Table:
    figures = {"ours": [3000.0, 1000.0, 2000.0], "theirs": [90.0, 100.0, 400.0]}
    return Table(
        **{"topic": "commands", "title": "A title", "unit": "commands/s", "ours": "ours", "figures": figures} | more
    )


def test_a_ratio_is_of_medians() -> None:
    assert _table().times_better("theirs") == 20


def test_where_less_is_better_the_ratio_turns_round() -> None:
    assert _table(less_is_better=True).times_better("theirs") == 0.05


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    return tmp_path


@pytest.mark.usefixtures("results")
def test_a_kept_table_comes_back_and_a_later_one_takes_its_place() -> None:
    _table().keep()
    later = _table(required={"theirs": 12.0}, said="How", plot="curve.png")
    later.keep()
    assert kept_tables() == [replace(later, cores_count=os.cpu_count())]


def test_the_page_tells_medians_spread_ratio_and_what_is_required(results: Path) -> None:
    _table(required={"theirs": 12.0}, said="With three processes.", plot="curve.png").keep()
    _table(title="Smaller", less_is_better=True).keep()
    page.write_page()
    lines = (results / "performance.md").read_text().splitlines()
    assert "| **ours** | 2,000 | 1,000 to 3,000 |  |  |" in lines
    assert "| theirs | 100 | 90 to 400 | 20.00 x | ≥ 12 x |" in lines
    assert lines.index("| **ours** | 2,000 | 1,000 to 3,000 |  |  |") < lines.index(
        "| theirs | 100 | 90 to 400 | 20.00 x | ≥ 12 x |"
    )
    assert lines.count("## commands") == 1
    assert "With three processes." in lines
    assert f"Measured on {os.cpu_count()} cores." in lines
    assert "![A title](curve.png)" in lines
    smaller = lines[lines.index("### Smaller") :]
    assert smaller.index("| theirs | 100 | 90 to 400 | 0.05 x |") < smaller.index(
        "| **ours** | 2,000 | 1,000 to 3,000 |  |"
    )


def test_contestants_take_turns_in_being_first() -> None:
    ran: list[str] = []

    def contestant(name: str) -> Any:
        return lambda: ran.append(name) or float(len(ran))

    figures = alternate({name: contestant(name) for name in "abc"}, rounds=2, unit="runs")
    assert "".join(ran) == "abcbca"
    assert figures == {"a": [1.0, 6.0], "b": [2.0, 4.0], "c": [3.0, 5.0]}
