"""Dates as invoices in English, French and German spell them."""

import re
from contextlib import suppress
from datetime import date
from difflib import SequenceMatcher

from workers.engine.words import folded

_MONTHS = (
    "january janvier januar",
    "february fevrier februar",
    "march mars marz maerz",
    "april avril",
    "may mai",
    "june juin juni",
    "july juillet juli",
    "august aout",
    "september septembre",
    "october octobre oktober",
    "november novembre",
    "december decembre dezember",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
LEAST_LIKENESS = 0.7
"""How much a misread month must resemble the one it is taken for."""
AMBIGUOUS_ORDER = 0.7
"""How sure it is that 03/04/2023 is the third of April, where nobody said what language the invoice is in."""

_YEAR_FIRST = re.compile(r"(?<!\d)(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)")
_NUMBERS = re.compile(r"(?<!\d)(?P<first>\d{1,2})\s?([-/.])\s?(?P<second>\d{1,2})\s?\2\s?(?P<year>\d{4})(?!\d)")
_DAY_MONTH = re.compile(
    r"(?<!\d)(?P<day>\d{1,2})(?:er|st|nd|rd|th)?[.\s]*(?:of\s)?(?P<month>[a-z]{3,9})[.,\s]*(?P<year>\d{4})"
)
_MONTH_DAY = re.compile(r"(?P<month>[a-z]{3,9})[.\s]*(?P<day>\d{1,2})(?:st|nd|rd|th)?[.,\s]+(?P<year>\d{4})")


def parse_date(text: str, languages: tuple[str, ...] = ()) -> tuple[date, float] | None:
    """Return the first date in `text` and how sure it is, from 0 to 1; `languages` settle which number is the month."""
    return _year_first(text) or _in_numbers(text, languages) or _in_words(folded(text))


def _year_first(text: str) -> tuple[date, float] | None:
    found = _YEAR_FIRST.search(text)
    return _checked(found["year"], int(found["month"]), found["day"], 1.0) if found else None


def _in_numbers(text: str, languages: tuple[str, ...]) -> tuple[date, float] | None:
    found = _NUMBERS.search(text)
    if not found:
        return None
    first, second = int(found["first"]), int(found["second"])
    ambiguous = first != second and max(first, second) <= 12
    # Dots are written where the day comes first; an American writes strokes.
    month_first = second > 12 or (ambiguous and found[2] != "." and languages[:1] == ("en-US",))
    month, day = (first, second) if month_first else (second, first)
    sure = not ambiguous or found[2] == "." or bool(languages)
    return _checked(found["year"], month, str(day), 1.0 if sure else AMBIGUOUS_ORDER)


def _in_words(text: str) -> tuple[date, float] | None:
    for pattern in (_DAY_MONTH, _MONTH_DAY):
        for found in pattern.finditer(text):
            month = _month(found["month"])
            if month and (checked := _checked(found["year"], month[0], found["day"], month[1])):
                return checked
    return None


def _month(word: str) -> tuple[int, float] | None:
    """Return the month that `word` names, abbreviates or, misread, resembles; and how sure that is."""
    abbreviated = {number for name, number in _MONTH_OF.items() if name.startswith(word)}
    if len(abbreviated) == 1:
        return abbreviated.pop(), 1.0
    likeness, name = max((SequenceMatcher(None, word, name).ratio(), name) for name in _MONTH_OF)
    return (_MONTH_OF[name], likeness) if likeness >= LEAST_LIKENESS else None


def _checked(year: str, month: int, day: str, certainty: float) -> tuple[date, float] | None:
    with suppress(ValueError):
        return date(int(year), month, int(day)), certainty
    return None
