"""Amounts, currencies and dates in the spellings of several countries."""

from datetime import date
from decimal import Decimal

import pytest

from workers.engine.amounts import parse_amount, parse_currency
from workers.engine.dates import AMBIGUOUS_ORDER, parse_date


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56 €", "1234.56"),
        ("1\u202f234,56", "1234.56"),
        ("CHF 22'982.10", "22982.10"),
        ("1234,56€", "1234.56"),
        ("$4,557.00", "4557.00"),
        ("1,234,567.89", "1234567.89"),
        ("1.234", "1234.00"),
        ("12", "12.00"),
        ("0,05", "0.05"),
        ("-120,00 EUR", "-120.00"),
        ("EUR1,902.00", "1902.00"),
        ("2 x 54.00  108.00", "108.00"),
    ],
)
def test_amounts_of_every_country_are_the_same(text: str, amount: str) -> None:
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "total", "19 %", "19%", "8.5 %", "2023-01-31", "31.01.2023", "31/01/2023", "1.2.3"]
)
def test_what_is_no_amount(text: str) -> None:
    assert parse_amount(text) is None


@pytest.mark.parametrize(
    ("text", "currency"),
    [("12,00 €", "EUR"), ("£5", "GBP"), ("$5", "USD"), ("CHF 5", "CHF"), ("EUR5", "EUR"), ("5.00 SEK", "SEK")],
)
def test_currencies_by_sign_or_code(text: str, currency: str) -> None:
    parsed = parse_currency(text)
    assert parsed is not None
    assert parsed[0] == currency


def test_a_dollar_is_less_sure_than_a_euro() -> None:
    assert parse_currency("$5") == ("USD", 0.9)
    assert parse_currency("EUROPE, USDA") is None


@pytest.mark.parametrize(
    "text",
    [
        "2023-01-31",
        "2023/1/31",
        "31/01/2023",
        "31.01.2023",
        "31. 1. 2023",
        "31-01-2023",
        "01/31/2023",
        "January 31, 2023",
        "Jan 31, 2023",
        "January 31st, 2023",
        "31 January 2023",
        "31st of January 2023",
        "31 janvier 2023",
        "31janvier2023",
        "31. Januar 2023",
        "Date: 31 JANVIER 2023",
    ],
)
def test_dates_in_every_spelling(text: str) -> None:
    assert parse_date(text) == (date(2023, 1, 31), 1.0)


@pytest.mark.parametrize(
    ("text", "month"),
    [("1er février 2023", 2), ("1 août 2023", 8), ("1. März 2023", 3), ("1 décembre 2023", 12), ("1. Dez. 2023", 12)],
)
def test_months_with_accents_and_abbreviations(text: str, month: int) -> None:
    assert parse_date(text) == (date(2023, month, 1), 1.0)


@pytest.mark.parametrize("text", ["", "31", "32/01/2023", "30 February 2023", "31 blurred 2023", "10482", "1.234,56"])
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


def test_a_misread_month_is_a_guess() -> None:
    parsed = parse_date("3 tévrie 2023")
    assert parsed is not None
    assert parsed[0] == date(2023, 2, 3)
    assert 0.7 <= parsed[1] < 0.9


def test_the_language_says_which_number_is_the_month() -> None:
    assert parse_date("03/04/2023") == (date(2023, 4, 3), AMBIGUOUS_ORDER)
    assert parse_date("03/04/2023", ("en-GB",)) == (date(2023, 4, 3), 1.0)
    assert parse_date("03/04/2023", ("en-US",)) == (date(2023, 3, 4), 1.0)
    assert parse_date("03.04.2023", ("en-US",)) == (date(2023, 4, 3), 1.0)
    assert parse_date("04/04/2023") == (date(2023, 4, 4), 1.0)
