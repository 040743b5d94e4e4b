"""The rows of an invoice's table: what was delivered, and for how much."""

from collections.abc import Iterator, Sequence

from workers.engine.amounts import parse_amount
from workers.engine.text_lines import TextLine, right_of
from workers.engine.words import DESCRIPTION, SUM, folded

LARGEST_GAP = 3.0
"""Between two rows of one table, in heights of a line."""


def find_line_items(lines: Sequence[TextLine]) -> list[dict[str, str]]:
    """Return each row's `description`, `amount` (its last column, two decimals) and, where it has one, `quantity`."""
    heads = [line for line in lines if DESCRIPTION.search(folded(line.text)) and right_of(line, lines)]
    return [item for head in heads for item in _rows_below(head, lines)]


def _rows_below(head: TextLine, lines: Sequence[TextLine]) -> Iterator[dict[str, str]]:
    last = head
    for line in sorted(lines, key=lambda each: each.middle):
        if line.top <= last.middle or abs(line.left - head.left) > 2 * head.height:
            continue
        cells = right_of(line, lines)
        amount = parse_amount(cells[-1].text) if cells else None
        if amount is None or SUM.search(folded(line.text)) or line.top - last.bottom > LARGEST_GAP * head.height:
            return
        item = {"description": line.text, "amount": f"{amount:.2f}"}
        quantity = next((cell.text for cell in cells[:-1] if cell.text.isdecimal()), None)
        yield item | ({"quantity": quantity} if quantity else {})
        last = line
