"""What an invoice says, found in its recognised lines by the labels beside the values. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workers.engine.amounts import parse_amount, parse_currency
from workers.engine.dates import parse_date
from workers.engine.text_lines import TextLine, below, right_of
from workers.engine.words import DATE, NUMBER, OTHER_DATE, OTHER_TOTAL, TOTAL, Label, folded

UNLABELLED = 0.6
"""How sure a date or a currency is that stands on the page with no label beside it."""
_NUMBER = re.compile(r"(?=\S*\d)[A-Za-z0-9][A-Za-z0-9/._-]{0,39}")
_NEVER = re.compile(r"(?!)")

Parse = Callable[[str], tuple[str, float] | None]
"""Reads a value from text, and says how sure it is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A field's value, how sure it is from 0 to 1, and the text of its label and itself."""

    value: str
    confidence: float
    text: str


@dataclass(frozen=True, slots=True)
class InvoiceFields:
    """The fields of an invoice; None where nothing was found.

    The date is ISO 8601, the total a decimal with two places, the currency ISO 4217.
    """

    invoice_number: Found | None
    invoice_date: Found | None
    total: Found | None
    currency: Found | None

    @property
    def confidence(self) -> float:
        """That of the least sure field, 0 where one is missing: one wrong figure makes a wrong payment."""
        return min(_confidence(found) for found in self._by_name().values())

    def as_result(self) -> dict[str, Any]:
        """Return the fields as a job's result, with the confidence of each."""
        fields = self._by_name()
        values = {name: found.value if found else None for name, found in fields.items()}
        return values | {"confidence": {name: _confidence(found) for name, found in fields.items()}}

    def _by_name(self) -> dict[str, Found | None]:
        return {
            "invoiceNumber": self.invoice_number,
            "invoiceDate": self.invoice_date,
            "total": self.total,
            "currency": self.currency,
        }


def find_fields(lines: Sequence[TextLine], languages: tuple[str, ...] = ()) -> InvoiceFields:
    """Return the fields of the invoice whose text is `lines`; `languages` (tags, likeliest first) order its dates."""

    def date_in(text: str) -> tuple[str, float] | None:
        parsed = parse_date(text, languages)
        return (parsed[0].isoformat(), parsed[1]) if parsed else None

    total = _beside(lines, TOTAL, _total, unless=OTHER_TOTAL)
    return InvoiceFields(
        invoice_number=_beside(lines, NUMBER, _number),
        invoice_date=_beside(lines, DATE, date_in, unless=OTHER_DATE) or _anywhere(lines, date_in),
        total=total,
        currency=_currency(lines, total),
    )


def _beside(
    lines: Sequence[TextLine], labels: Sequence[Label], parse: Parse, unless: re.Pattern[str] = _NEVER
) -> Found | None:
    """Return the value beside the best of the labels; of equals the lowest, as a total stands below what it sums up."""
    for label in labels:
        for line in sorted(lines, key=lambda each: each.middle, reverse=True):
            match = label.pattern.search(folded(line.text))
            if match and not unless.search(folded(line.text)) and (found := _value(line, match.end(), lines, parse)):
                certainty = label.certainty * min(line.confidence, found.confidence)
                return Found(found.value, _rounded(certainty), f"{line.text} {found.text}")
    return None


def _value(line: TextLine, label_end: int, lines: Sequence[TextLine], parse: Parse) -> Found | None:
    """Return what a label is about: behind it in its own line, to the right of it, or below."""
    for text, place in _places(line, label_end, lines):
        if parsed := parse(text):
            return Found(parsed[0], parsed[1] * place.confidence, place.text)
    return None


def _places(line: TextLine, label_end: int, lines: Sequence[TextLine]) -> Iterator[tuple[str, TextLine]]:
    yield line.text[label_end:], line
    for place in (*right_of(line, lines), *below(line, lines)):
        yield place.text, place


def _anywhere(lines: Sequence[TextLine], parse: Parse) -> Found | None:
    for line in lines:
        if parsed := parse(line.text):
            return Found(parsed[0], _rounded(UNLABELLED * parsed[1] * line.confidence), line.text)
    return None


def _number(text: str) -> tuple[str, float] | None:
    found = _NUMBER.search(text)
    if not found or parse_date(text):
        return None
    return found[0].rstrip("./-_"), 1.0


def _total(text: str) -> tuple[str, float] | None:
    amount = parse_amount(text)
    return None if amount is None else (f"{amount:.2f}", 1.0)


def _currency(lines: Sequence[TextLine], total: Found | None) -> Found | None:
    """The total's currency is named beside it; failing that, any on the page is a guess."""
    if total and (parsed := parse_currency(total.text)):
        return Found(parsed[0], _rounded(parsed[1] * total.confidence), total.text)
    return _anywhere(lines, parse_currency)


def _confidence(found: Found | None) -> float:
    return found.confidence if found else 0.0


def _rounded(confidence: float) -> float:
    return round(confidence, 4)
