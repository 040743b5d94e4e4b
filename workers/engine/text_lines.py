"""Lines of text on a page, and who stands beside or below whom."""

from collections.abc import Sequence
from dataclasses import dataclass

SAME_ROW = 0.6
"""How far apart the middles of two lines in one row are, at most, in heights; a page may be scanned askew."""
SAME_COLUMN = 2.5
"""How far below its label a value may begin, in heights."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """Recognised text and its confidence, in a box of pixels measured from the top left of the first page."""

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def right_of(line: TextLine, lines: Sequence[TextLine]) -> list[TextLine]:
    """Return what stands in the same row further right, nearest first."""
    row: list[TextLine] = []
    # From one to the next, as a long row of a page that was scanned askew ends on the height of another row.
    while following := _next_in_row(row[-1] if row else line, lines):
        row.append(following)
    return row


def _next_in_row(line: TextLine, lines: Sequence[TextLine]) -> TextLine | None:
    reach = SAME_ROW * line.height
    beside = [each for each in lines if each.left > line.right - reach and abs(each.middle - line.middle) < reach]
    return min((each for each in beside if each.left > line.left), key=lambda each: each.left, default=None)


def below(line: TextLine, lines: Sequence[TextLine]) -> list[TextLine]:
    """Return what stands shortly below in the same column, nearest first."""
    lowest = line.bottom + SAME_COLUMN * line.height
    column = [
        each for each in lines if line.middle < each.top < lowest and each.left < line.right and each.right > line.left
    ]
    return sorted(column, key=lambda each: each.top)
