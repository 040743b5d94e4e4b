"""Pictures as inline SVG. Lengths are attributes and colours are classes: the policy allows no inline style."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from models.lifecycle import Counts

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
    """Return how far a group is, as one bar."""
    total = counts.total
    parts, x = [], 0.0
    for colour, statuses in _SHARES:
        width = 100 * sum(getattr(counts, status) for status in statuses) / total if total else 0
        if width:
            parts.append(f'<rect class="{colour}" x="{x:.2f}" y="0" width="{width:.2f}" height="8"></rect>')
        x += width
    # What is in it was computed here.
    return Markup(  # noqa: S704
        f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
    )


def curve(points: Sequence[tuple[float, float]], span_seconds: float) -> Markup:
    """Return a figure's course: `points` of seconds before now, and value, oldest first, over `span_seconds`."""
    top = ceiling(max((value for _, value in points), default=0.0))
    placed = [
        f"{_WIDTH - _WIDTH * age / span_seconds:.1f},{_HEIGHT - _HEIGHT * value / top:.1f}" for age, value in points
    ]
    lines = "".join(f'<line class="grid" x1="0" x2="{_WIDTH}" y1="{y}" y2="{y}"></line>' for y in (0.5, _HEIGHT / 2))
    area = f'<polygon class="area" points="{_under(placed)}"></polygon>' if len(placed) > 1 else ""
    course = f'<polyline class="course" points="{" ".join(placed)}"></polyline>'
    return Markup(  # noqa: S704 - numbers
        f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f"{lines}{area}{course}</svg>"
    )


def ceiling(value: float) -> float:
    """Return the least round number that is not below `value`, and at least 1: a scale that seldom changes."""
    if value <= 1:
        return 1.0
    magnitude = 10.0 ** math.floor(math.log10(value))
    return next(step * magnitude for step in _STEPS if step * magnitude >= value)


def _under(placed: Sequence[str]) -> str:
    first, last = placed[0].partition(",")[0], placed[-1].partition(",")[0]
    return f"{first},{_HEIGHT} {' '.join(placed)} {last},{_HEIGHT}"
