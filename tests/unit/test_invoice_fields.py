"""What an invoice says, from its recognised lines."""

import pytest

from workers.engine.invoice_fields import UNLABELLED, InvoiceFields, find_fields
from workers.engine.line_items import find_line_items
from workers.engine.text_lines import TextLine


def line(text: str, left: float = 0, top: float = 0, confidence: float = 1.0) -> TextLine:
    """A line 20 pixels high, 10 to a character."""
    return TextLine(text, confidence, left, top, left + 10 * len(text), top + 20)


def page(*rows: str) -> list[TextLine]:
    """Rows 40 pixels apart; a bar separates cells, in columns 300 pixels wide."""
    return [
        line(cell.strip(), 300 * column, 40 * row)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells.split("|"))
        if cell.strip()
    ]


def values(fields: InvoiceFields) -> tuple[str | None, ...]:
    found = (fields.invoice_number, fields.invoice_date, fields.total, fields.currency)
    return tuple(each.value if each else None for each in found)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ("Invoice number: INV-1", "Invoice date: January 31, 2023", "Subtotal $90.00", "Total due $100.00"),
            ("INV-1", "2023-01-31", "100.00", "USD"),
        ),
        (
            ("Rechnungsnummer | RE-2", "Rechnungsdatum | 31.01.2023", "Netto | 90,00 €", "Gesamtbetrag | 1.100,00 €"),
            ("RE-2", "2023-01-31", "1100.00", "EUR"),
        ),
        (
            ("Facture n° F-3", "Date : 31 janvier 2023", "Total HT | 90,00", "Total TTC | 1 100,00 €"),
            ("F-3", "2023-01-31", "1100.00", "EUR"),
        ),
        (
            ("Numéro | Montant", "Facture numéro : F/4", "Date d'émission | 31/01/2023", "Net à payer (EUR) | 100,00"),
            ("F/4", "2023-01-31", "100.00", "EUR"),
        ),
        (
            ("INVOICE NO. | DATE", "NW/5 | 31/01/2023", "AMOUNT DUE | £100.00"),
            ("NW/5", "2023-01-31", "100.00", "GBP"),
        ),
    ],
)
def test_fields_beside_and_below_their_labels(rows: tuple[str, ...], expected: tuple[str, ...]) -> None:
    fields = find_fields(page(*rows))
    assert values(fields) == expected
    assert fields.confidence >= 0.85


def test_other_dates_and_sums_are_not_taken() -> None:
    fields = find_fields(
        page(
            "Due date: 2023-03-02", "Date: 2023-01-31", "Total | 108.00", "Sub-total | 90.00", "Total excl. VAT | 90.00"
        )
    )
    assert values(fields) == (None, "2023-01-31", "108.00", None)


def test_the_total_is_below_what_it_sums_up() -> None:
    lines = page("Item | Total", "Rope | 40.00", "Paint | 60.00", "Total | 100.00")
    total = find_fields(lines).total
    assert total is not None
    assert total.value == "100.00"


def test_an_invoice_is_as_sure_as_its_least_sure_field() -> None:
    lines = page("Invoice # 7", "Date 2023-01-31", "Total due 5.00 EUR")
    doubtful = [*lines[:2], TextLine("Total due 5.00 EUR", 0.55, 0, 80, 180, 100)]
    assert find_fields(doubtful).confidence == 0.55
    assert find_fields(lines).as_result()["confidence"]["invoiceDate"] == 0.95


def test_a_date_without_a_label_is_a_guess() -> None:
    found = find_fields(page("Cork, 31 January 2023")).invoice_date
    assert found is not None
    assert (found.value, found.confidence) == ("2023-01-31", UNLABELLED)


@pytest.mark.parametrize("lines", [[], page("Hello", "World")])
def test_where_nothing_is_found(lines: list[TextLine]) -> None:
    fields = find_fields(lines)
    assert values(fields) == (None, None, None, None)
    assert fields.confidence == 0
    assert fields.as_result()["total"] is None


def test_a_row_is_followed_across_a_page_that_lies_askew() -> None:
    slope = 0.025
    straight = page("Total | | | 100.00", "Other | | | 200.00")
    askew = [line(each.text, each.left, each.top * 0.75 - slope * each.left) for each in straight]
    middle = [line("x", left, top * 0.75 - slope * left) for left, top in ((300, 0), (600, 0), (300, 40), (600, 40))]
    total = find_fields([*askew, *middle]).total
    assert total is not None
    assert total.value == "100.00"


def test_line_items_end_where_the_sums_begin() -> None:
    lines = page(
        "Description | Qty | Price | Amount",
        "Rope, 24 mm | 3 | 2.00 | 6.00",
        "Paint | 1 | 5.00 | 5.00",
        "Subtotal | | | 11.00",
        "Total | | | 11.00",
    )
    assert find_line_items(lines) == [
        {"description": "Rope, 24 mm", "quantity": "3", "amount": "6.00"},
        {"description": "Paint", "quantity": "1", "amount": "5.00"},
    ]
    assert find_line_items(page("Total | 11.00")) == []
