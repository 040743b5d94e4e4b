"""Amounts of money and currencies, as invoices of several countries spell them."""

import re
from decimal import Decimal

# The dot or comma before the last two digits separates the decimals; every other separator stands between thousands.
_AMOUNT = re.compile(
    r"(?<![\d.,/-])(?P<sign>[-\u2212]\s?)?"
    r"(?P<whole>\d{1,3}(?:[.,'\u2019\s]\d{3})+|\d+)(?:[.,](?P<decimals>\d{2}))?"
    r"(?![\d/%-]|[.,]\d|\s*%)"
)
_SYMBOLS = {"€": ("EUR", 1.0), "£": ("GBP", 1.0), "$": ("USD", 0.9), "¥": ("JPY", 0.8)}
"""What a sign stands for, and how surely: others have a dollar too."""
_CODES = (
    "AED|AUD|BGN|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KRW|MXN|MYR|NOK|NZD|PHP|PLN|RON|SEK|SGD|"
    "THB|TRY|TWD|USD|ZAR"
)
_CODE = re.compile(rf"(?<![A-Za-z])({_CODES})(?![A-Za-z])")


def parse_amount(text: str) -> Decimal | None:
    """Return the last amount in `text`, if there is one; 1,234.56 and 1.234,56 and 1 234,56 and 1'234.56 are the same.

    A percentage is no amount, nor is a part of a date.
    """
    found = list(_AMOUNT.finditer(text))
    if not found:
        return None
    whole = re.sub(r"\D", "", found[-1]["whole"])
    sign = "-" if found[-1]["sign"] else ""
    return Decimal(f"{sign}{whole}.{found[-1]['decimals'] or '00'}")


def parse_currency(text: str) -> tuple[str, float] | None:
    """Return the currency named in `text` (ISO 4217) and how sure that is, from 0 to 1."""
    code = _CODE.search(text)
    if code:
        return code[1], 1.0
    return next((meaning for symbol, meaning in _SYMBOLS.items() if symbol in text), None)
