"""Pictures as inline SVG. Lengths are attributes and colours are classes: the policy allows no inline style."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from models.lifecycle import Counts

Point = tuple[float, float]
"""Seconds before now, and a value."""

_SHARES = (
    ("good", ("succeeded", "skipped")),
    ("attention", ("needs_review",)),
    ("bad", ("failed", "rejected")),
    ("ended", ("cancelled", "expired")),
    ("busy", ("processing",)),
)
"""The parts of a bar from the left, each with its colour; what is queued is what is left."""
_WIDTH, _HEIGHT = 600, 120
_STEPS = (1, 2, 5, 10)


def bar(counts: Counts) -> Markup:
    """Return how far a group is, as one bar. A gap parts neighbours whose colours somebody may not tell apart."""
    parts, gaps, x = "", "", 0.0
    for colour, statuses in _SHARES:
        count = sum(getattr(counts, status) for status in statuses)
        if not count:
            continue
        if parts:
            gaps += f'<line class="gap" x1="{x:.2f}" x2="{x:.2f}" y1="0" y2="8"></line>'
        width = 100 * count / counts.total
        parts += f'<rect class="{colour}" x="{x:.2f}" y="0" width="{width:.2f}" height="8"></rect>'
        x += width
    return _svg("bar", 100, 8, parts + gaps)


def gauge(confidence: float, threshold: float) -> Markup:
    """Return a confidence from 0 to 1 as a bar, with a mark where a person need not look any more."""
    colour = "good" if confidence >= threshold else "attention"
    return _svg(
        "bar gauge",
        100,
        8,
        f'<rect class="{colour}" x="0" y="0" width="{100 * confidence:.2f}" height="8"></rect>'
        f'<line class="mark" x1="{100 * threshold:.2f}" x2="{100 * threshold:.2f}" y1="0" y2="8"></line>',
    )


def curve(points: Sequence[Point], top: float, span_seconds: float, gap_seconds: float) -> Markup:
    """Return the course of a figure from 0 to `top`: `points`, oldest first, over `span_seconds`.

    Points further apart than `gap_seconds` are not joined: between them nobody measured.
    """
    lines = "".join(f'<line class="grid" x1="0" x2="{_WIDTH}" y1="{y}" y2="{y}"></line>' for y in (0, _HEIGHT / 2))
    courses = "".join(_course(points, top, span_seconds) for points in _unbroken(points, gap_seconds))
    return _svg("curve", _WIDTH, _HEIGHT, lines + courses)


def ceiling(value: float, least: float = 1.0) -> float:
    """Return the least round number that is not below `value`, and at least `least`: a scale that seldom changes."""
    if value <= least:
        return least
    magnitude = 10.0 ** math.floor(math.log10(value))
    return next(step * magnitude for step in _STEPS if step * magnitude >= value)


def _unbroken(points: Sequence[Point], gap_seconds: float) -> Iterator[Sequence[Point]]:
    ends = [i for i, (before, after) in enumerate(pairwise(points), 1) if before[0] - after[0] > gap_seconds]
    for start, end in pairwise([0, *ends, len(points)]):
        yield points[start:end]


def _course(points: Sequence[Point], top: float, span_seconds: float) -> str:
    places = [
        (f"{_WIDTH - _WIDTH * age / span_seconds:.1f}", f"{_HEIGHT - _HEIGHT * value / top:.1f}")
        for age, value in points
    ]
    if len(places) < 2:  # a line takes two
        return ""
    line = " ".join(f"{x},{y}" for x, y in places)
    return (
        f'<polygon class="area" points="{places[0][0]},{_HEIGHT} {line} {places[-1][0]},{_HEIGHT}"></polygon>'
        f'<polyline class="course" points="{line}"></polyline>'
    )


def _svg(name: str, width: int, height: int, drawn: str) -> Markup:
    """What is `drawn` was computed here: numbers, in classes of this file."""
    attributes = f'class="{name}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true"'
    return Markup(f"<svg {attributes}>{drawn}</svg>")  # noqa: S704
