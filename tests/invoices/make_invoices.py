"""Make the sample invoices and what they say (expected.json) in this folder.

    pip install Pillow font-source-sans-pro font-source-serif-pro
    python -m tests.invoices.make_invoices

The pictures are the same at every run; their bytes depend on the version of Pillow.
"""

import json
import time
from decimal import Decimal
from pathlib import Path

from tests.invoices.sheet import (
    AMERICAN,
    DOTS_PER_INCH,
    ENGLISH,
    FRENCH,
    GERMAN,
    LEFT,
    RIGHT,
    SERIF,
    SWISS,
    Item,
    Page,
    Scanner,
    scanned,
    separated,
)

HERE = Path(__file__).parent
UNDATED = {"creationDate": time.gmtime(0), "modDate": time.gmtime(0)}
FAINT = "dupont_faded.jpg"
"""So faint that its date is a guess: to be looked at by a person."""
SCANS = {
    "harbour_scan.jpg": Scanner(degrees=1.3, noise=25, blur=0.8, black=60, white=235),
    FAINT: Scanner(degrees=-2.0, noise=40, blur=1.8, black=120, white=220),
}

Invoice = tuple[list[Page], Decimal]
"""The pages, and the total they come to."""


def price(text: str) -> Decimal:
    """Return an amount of money."""
    return Decimal(text)


FURNITURE = [("Fauteuil cuir, marron", 2, price("389.40")), ("Remise en état d'un buffet", 1, price("250.00"))]
CHAIRS = [("Chaise paillée", 6, price("94.50"))]


def american() -> Invoice:
    """Return a plain letter: labels before their values, the date spelled out."""
    page, dollars = Page(), separated(",", ".", "${}")
    page.write(LEFT, 110, "ACME Supply Co.", size=48, bold=True)
    page.lines(LEFT, 180, "1200 Harrison Street", "San Francisco, CA 94103")
    page.write(RIGHT, 110, "INVOICE", size=56, right=True)
    rows = (("Invoice number:", "INV-2023-0042"), ("Invoice date:", "January 31, 2023"), ("Due date:", "March 2, 2023"))
    page.pairs(650, 330, 870, *rows)
    page.lines(LEFT, 330, "Bill to", "Brightside Hotels Inc.", "77 Ocean Avenue", "Santa Monica, CA 90401")
    items = [
        ("Linen sheets, king size", 40, price("54.00")),
        ("Bath towels, white", 120, price("14.50")),
        ("Delivery", 1, price("300.00")),
    ]
    total = page.sums(page.table(600, AMERICAN, items, dollars) + 30, AMERICAN, items, "0.085", dollars)
    page.write(LEFT, 1600, "Please pay within 30 days. Thank you for your business!", size=24)
    return [page], total


def german() -> Invoice:
    """Return a German letter with serifs."""
    page, euros = Page(SERIF), separated(".", ",", "{} €")
    page.write(LEFT, 110, "Müller & Söhne Bürobedarf GmbH", size=44, bold=True)
    page.write(LEFT, 175, "Königstraße 12 · 70173 Stuttgart · USt-IdNr. DE811234567", size=22)
    page.lines(LEFT, 280, "Stadtwerke Esslingen", "Einkauf", "Fleischmannstraße 50", "73728 Esslingen")
    page.write(LEFT, 500, "Rechnung", size=44, bold=True)
    rows = (("Rechnungsnummer", "RE-2023-118"), ("Rechnungsdatum", "31.01.2023"), ("Lieferdatum", "24.01.2023"))
    page.pairs(LEFT, 580, 400, *rows)
    items = [
        ("Kopierpapier A4, 80 g", 200, price("4.20")),
        ("Ordner, breit", 150, price("2.40")),
        ("Schreibtischlampe", 12, price("100.00")),
    ]
    total = page.sums(page.table(760, GERMAN, items, euros) + 30, GERMAN, items, "0.19", euros)
    page.write(LEFT, 1560, "Zahlbar innerhalb von 14 Tagen ohne Abzug auf IBAN DE02 1203 0000 0000 2020 51.", size=22)
    return [page], total


def french(number: str, date: str, items: list[Item]) -> Invoice:
    """Return a French invoice, with spaces between the thousands."""
    page, euros = Page(), separated("\N{NO-BREAK SPACE}", ",", "{} €")
    page.write(LEFT, 110, "Atelier Dupont", size=52, bold=True)
    page.lines(LEFT, 190, "18, rue de la République", "69002 Lyon", "SIRET 552 100 554 00021", size=24)
    page.box(640, 330, RIGHT, 500)
    page.write(670, 350, f"Facture n° {number}", size=36, bold=True)
    page.write(670, 420, f"Date de facture : {date}", size=28)
    page.lines(LEFT, 350, "Client :", "Hôtel de la Gare", "Échéance : 15 jours", size=28)
    total = page.sums(page.table(620, FRENCH, items, euros) + 30, FRENCH, items, "0.20", euros)
    page.write(LEFT, 1600, "Pénalités de retard : trois fois le taux d'intérêt légal.", size=22)
    return [page], total


def british() -> Invoice:
    """Return a form: each label above its value."""
    page, pounds = Page(), separated(",", ".", "£{}")
    page.write(LEFT, 110, "Northwind Traders Ltd", size=48, bold=True)
    page.lines(LEFT, 180, "Unit 4, Albert Dock", "Liverpool L3 4AF", size=24)
    cells = (("INVOICE NO.", "NW/10482"), ("TAX POINT / DATE", "31/01/2023"), ("ACCOUNT", "BRI-0091"))
    for number, (label, value) in enumerate(cells):
        left = LEFT + number * 340
        page.box(left, 330, left + 320, 450)
        page.write(left + 20, 345, label, size=22)
        page.write(left + 20, 385, value, size=34, bold=True)
    items = [("Ceylon tea, 5 kg", 8, price("61.10")), ("Oolong, 2 kg", 10, price("54.00"))]
    total = page.sums(page.table(540, ENGLISH, items, pounds) + 30, ENGLISH, items, "0.20", pounds)
    return [page], total


def irish() -> Invoice:
    """Return the invoice that is scanned askew."""
    page, euros = Page(SERIF), separated(",", ".", "EUR {}")
    page.write(LEFT, 130, "Harbour Ship Chandlers", size=48, bold=True)
    page.lines(LEFT, 210, "Horgan's Quay, Cork, Ireland", "VAT reg. IE6388047V", size=24)
    page.pairs(LEFT, 340, 360, ("Invoice #", "HS-77120"), ("Date", "2023-02-14"), ("Vessel", "Celtic Mist"))
    items = [
        ("Mooring rope, 24 mm", 3, price("212.00")),
        ("Deck paint, grey, 20 l", 5, price("139.80")),
        ("Shackles, galvanised", 40, price("6.25")),
    ]
    return [page], page.sums(page.table(560, ENGLISH, items, euros) + 30, ENGLISH, items, "0.20", euros)


def swiss() -> Invoice:
    """Return two pages, with the total on the second."""
    first, second = Page(), Page()
    francs = separated("'", ".", "CHF {}")
    for number, page in enumerate((first, second), start=1):
        page.write(LEFT, 110, "Alpenblick Gastrotechnik AG", size=44, bold=True)
        page.write(RIGHT, 120, f"Seite {number} / 2", right=True)
    first.lines(LEFT, 175, "Bahnhofstrasse 3, 8001 Zürich", "CHE-109.322.551 MWST", size=24)
    first.pairs(LEFT, 330, 420, ("Rechnung Nr.", "2023-5581"), ("Datum", "14. Februar 2023"))
    items = [(f"Kühlschublade Modell {model}", model % 3 + 1, price("1185.50")) for model in range(21, 28)]
    first.table(480, SWISS, items[:5], francs)
    end = second.table(240, SWISS, items[5:], francs)
    return [first, second], second.sums(end + 30, SWISS, items, "0.077", francs)


def save(name: str, pages: list[Page]) -> None:
    """Write a PDF of all pages, a scan of the only one, or its picture in sixteen greys."""
    first, *others = [page.image for page in pages]
    if name.endswith(".pdf"):
        first.save(HERE / name, save_all=True, append_images=others, resolution=DOTS_PER_INCH, quality=24, **UNDATED)
    elif name in SCANS:
        scanned(first, SCANS[name]).save(HERE / name, quality=45)
    else:
        first.quantize(16).save(HERE / name, optimize=True)


def break_off(name: str, of: str) -> None:
    """Write the first half of a file, as an upload that ended too soon leaves it."""
    whole = (HERE / of).read_bytes()
    (HERE / name).write_bytes(whole[: len(whole) // 2])


def main() -> None:
    """Write every sample, and expected.json."""
    samples = {
        "acme_us.pdf": (american(), "INV-2023-0042", "2023-01-31", "USD"),
        "mueller_de.pdf": (german(), "RE-2023-118", "2023-01-31", "EUR"),
        "alpenblick_ch.pdf": (swiss(), "2023-5581", "2023-02-14", "CHF"),
        "dupont_fr.png": (french("F-2023-0117", "31 janvier 2023", FURNITURE), "F-2023-0117", "2023-01-31", "EUR"),
        "northwind_uk.png": (british(), "NW/10482", "2023-01-31", "GBP"),
        "harbour_scan.jpg": (irish(), "HS-77120", "2023-02-14", "EUR"),
        FAINT: (french("F-2023-0122", "3 février 2023", CHAIRS), "F-2023-0122", "2023-02-03", "EUR"),
    }
    expected: dict[str, object] = {}
    for name, ((pages, total), number, date, currency) in samples.items():
        save(name, pages)
        fields = {"invoiceNumber": number, "invoiceDate": date, "total": str(total), "currency": currency}
        expected[name] = {"fields": fields, "review": name == FAINT}
    break_off("broken_off.pdf", of="mueller_de.pdf")
    expected["broken_off.pdf"] = {"error": {"code": "document_unreadable", "retryable": True}}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main()
