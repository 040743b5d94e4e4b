"""A sheet of paper to write an invoice on, and the words and numbers of its country."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

A4 = (1240, 1754)
DOTS_PER_INCH = 150
SCANNED = (827, 1170)
"""A4 at 100 dots per inch."""
LEFT, RIGHT = 110, 1130
SANS, SERIF = "SourceSansPro", "SourceSerifPro"

Item = tuple[str, int, Decimal]
Format = Callable[[Decimal], str]


def separated(thousands: str, decimals: str, pattern: str) -> Format:
    """Return what writes an amount the way of one country; `pattern` puts the currency beside it."""
    spelling = str.maketrans(",.", thousands + decimals)
    return lambda amount: pattern.format(f"{amount:,.2f}".translate(spelling))


@dataclass(frozen=True)
class Words:
    """An invoice's language: the heads of its table and the labels of its sums."""

    columns: tuple[str, str, str, str]
    subtotal: str
    tax: str
    total: str


ENGLISH = Words(("Description", "Qty", "Unit price", "Amount"), "Subtotal", "VAT 20 %", "Amount due")
AMERICAN = Words(("Description", "Quantity", "Rate", "Amount"), "Subtotal", "Sales tax 8.5 %", "Total due")
GERMAN = Words(("Bezeichnung", "Menge", "Einzelpreis", "Betrag"), "Zwischensumme", "MwSt. 19 %", "Gesamtbetrag")
SWISS = Words(("Bezeichnung", "Menge", "Einzelpreis", "Betrag"), "Zwischensumme", "MWST 7.7 %", "Rechnungsbetrag")
FRENCH = Words(("Désignation", "Quantité", "Prix unitaire", "Montant"), "Total HT", "TVA 20 %", "Total TTC")


class Page:
    """A sheet of white A4 to write on, at 150 dots per inch."""

    def __init__(self, family: str = SANS) -> None:
        self.image = Image.new("L", A4, 255)
        self._draw = ImageDraw.Draw(self.image)
        self._family = family

    def write(self, x: int, y: int, text: str, *, size: int = 26, bold: bool = False, right: bool = False) -> None:
        """Write one line; `x` is its left end or, with `right`, its right end."""
        font = _font(self._family, size, bold)
        self._draw.text((x, y), text, font=font, fill=20, anchor="ra" if right else "la")

    def rule(self, y: int, left: int = LEFT, right: int = RIGHT, width: int = 2) -> None:
        """Draw a horizontal line."""
        self._draw.line((left, y, right, y), fill=90, width=width)

    def box(self, left: int, top: int, right: int, bottom: int) -> None:
        """Draw a shaded frame."""
        self._draw.rectangle((left, top, right, bottom), fill=235, outline=120, width=2)

    def lines(self, x: int, y: int, *texts: str, size: int = 26) -> None:
        """Write lines below one another."""
        for number, text in enumerate(texts):
            self.write(x, y + number * (size + 10), text, size=size)

    def pairs(self, x: int, y: int, value_x: int, *pairs: tuple[str, str]) -> None:
        """Write labels with their values to the right."""
        for number, (label, value) in enumerate(pairs):
            self.write(x, y + number * 40, label)
            self.write(value_x, y + number * 40, value, bold=True)

    def table(self, y: int, words: Words, items: list[Item], amount: Format) -> int:
        """Write the items and return where the table ends."""
        xs = (LEFT, 720, 920, RIGHT)
        for x, head in zip(xs, words.columns, strict=True):
            self.write(x, y, head, bold=True, right=x > LEFT)
        self.rule(y + 44)
        for number, (what, count, price) in enumerate(items):
            row = y + 60 + number * 48
            self.write(LEFT, row, what)
            for x, text in zip(xs[1:], (str(count), amount(price), amount(count * price)), strict=True):
                self.write(x, row, text, right=True)
        return y + 70 + len(items) * 48

    def sums(self, y: int, words: Words, items: list[Item], rate: str, amount: Format) -> Decimal:
        """Write subtotal, tax and total below the table; return the total."""
        subtotal = sum((count * price for _, count, price in items), Decimal())
        tax = (subtotal * Decimal(rate)).quantize(Decimal("0.01"))
        self.rule(y, left=640)
        for number, (label, value) in enumerate(((words.subtotal, subtotal), (words.tax, tax))):
            self.write(640, y + 14 + number * 42, label)
            self.write(RIGHT, y + 14 + number * 42, amount(value), right=True)
        self.rule(y + 106, left=640, width=4)
        self.write(640, y + 120, words.total, size=32, bold=True)
        self.write(RIGHT, y + 120, amount(subtotal + tax), size=32, bold=True, right=True)
        return subtotal + tax


def _font(family: str, size: int, bold: bool) -> ImageFont.FreeTypeFont:
    package = {SANS: "font_source_sans_pro", SERIF: "font_source_serif_pro"}[family]
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin, f"pip install {package.replace('_', '-')}"
    return ImageFont.truetype(
        Path(spec.origin).parent / "files" / f"{family}-{'Bold' if bold else 'Regular'}.ttf", size
    )


@dataclass(frozen=True)
class Scanner:
    """What a poor scanner does to a sheet; `black` and `white` are the shades it has for these."""

    degrees: float
    noise: int
    blur: float
    black: int
    white: int


def scanned(sheet: Image.Image, by: Scanner) -> Image.Image:
    """Return the scan of `sheet`, the same at every run."""
    turned = sheet.rotate(by.degrees, Image.Resampling.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(by.blur))
    pale = turned.point(lambda shade: by.black + shade * (by.white - by.black) // 255)
    grain, dice = Image.new("L", (310, 438)), random.Random(7)
    grain.putdata([128 + dice.randint(-by.noise, by.noise) for _ in range(310 * 438)])
    return Image.blend(pale, grain.resize(A4, Image.Resampling.BICUBIC), 0.25).resize(SCANNED)
