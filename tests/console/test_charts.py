"""Pictures as SVG: what they say is what was measured."""

import re

import pytest

from api_stub.console.charts import bar, ceiling, curve
from models.lifecycle import Counts


def test_a_bar_has_a_part_for_each_share() -> None:
    counts = Counts(queued=2, succeeded=4, needs_review=1, failed=1, processing=2)
    parts = re.findall(r'class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', bar(counts))
    assert parts == [
        ("good", "0.00", "40.00"),
        ("attention", "40.00", "10.00"),
        ("bad", "50.00", "10.00"),
        ("busy", "60.00", "20.00"),
    ]


def test_a_bar_without_jobs_is_empty() -> None:
    assert "<rect" not in bar(Counts())


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.4, 1), (1, 1), (1.1, 2), (3, 5), (5.1, 10), (10, 10), (101, 200), (17_800, 20_000)]
)
def test_a_scale_is_the_next_round_number(value: float, top: float) -> None:
    assert ceiling(value) == top


def test_a_curve_ends_at_now_and_reaches_as_high_as_its_value() -> None:
    drawn = curve([(60.0, 0.0), (30.0, 5.0), (0.0, 10.0)], span_seconds=60)
    assert re.search(r'class="course" points="([^"]+)"', drawn)[1] == "0.0,120.0 300.0,60.0 600.0,0.0"  # type: ignore[index]


def test_a_curve_of_nothing_is_drawn() -> None:
    assert 'points=""' in curve([], span_seconds=60)
