"""Pictures as SVG: what they say is what was measured."""

import re

import pytest

from api_stub.console.charts import Point, bar, ceiling, curve, gauge
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
    assert re.findall(r'class="gap" x1="([\d.]+)"', bar(counts)) == ["40.00", "50.00", "60.00"]


def test_a_bar_without_jobs_is_empty() -> None:
    assert "<rect" not in bar(Counts())


@pytest.mark.parametrize(("confidence", "colour"), [(0.79, "attention"), (0.8, "good")])
def test_a_gauge_shows_where_a_person_need_not_look(confidence: float, colour: str) -> None:
    drawn = gauge(confidence, threshold=0.8)
    assert f'class="{colour}" x="0" y="0" width="{100 * confidence:.2f}"' in drawn
    assert 'class="mark" x1="80.00"' in drawn


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.4, 1), (1, 1), (1.1, 2), (3, 5), (5.1, 10), (10, 10), (101, 200), (17_800, 20_000)]
)
def test_a_scale_is_the_next_round_number(value: float, top: float) -> None:
    assert ceiling(value) == top


def test_a_scale_is_not_smaller_than_it_should_be() -> None:
    assert (ceiling(1, least=10), ceiling(11, least=10)) == (10, 20)


def courses(*points: Point) -> list[str]:
    return re.findall(r'class="course" points="([^"]+)"', curve(points, top=10, span_seconds=60, gap_seconds=30))


def test_a_curve_ends_at_now_and_reaches_as_high_as_its_value() -> None:
    assert courses((60.0, 0.0), (30.0, 5.0), (0.0, 10.0)) == ["0.0,120.0 300.0,60.0 600.0,0.0"]


def test_where_nobody_measured_there_is_no_line() -> None:
    measured = (60.0, 0.0), (54.0, 5.0), (6.0, 5.0), (0.0, 10.0)
    assert courses(*measured) == ["0.0,120.0 60.0,60.0", "540.0,60.0 600.0,0.0"]
    assert courses((40.0, 1.0), (0.0, 1.0)) == []
    assert courses() == []
