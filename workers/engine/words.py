"""The words by which an invoice names its fields, in English, French and German."""

import re
import unicodedata
from dataclasses import dataclass


def folded(text: str) -> str:
    """Return `text` in lower case without accents, each character still in its place."""
    return "".join(_plain(character) for character in text)


def _plain(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[0].lower()
    return plain if len(plain) == 1 else character


@dataclass(frozen=True, slots=True)
class Label:
    """What a field is called, in folded text, and how sure a value beside it is the one meant."""

    pattern: re.Pattern[str]
    certainty: float


def _label(pattern: str, certainty: float = 1.0) -> Label:
    return Label(re.compile(pattern), certainty)


_NUMBER_WORD = r"(?:nummer|number|numero|num\b|n[or]\b|n[°º]|n[^\s\w]?\S?(?=[\s:.]|$)|id\b|#|№)"
NUMBER = (
    _label(rf"(?:invoice|rechnungs?|facture|bill)[\s-]*{_NUMBER_WORD}[\s.:]*"),
    _label(rf"(?:reference|document|beleg)[\s-]*{_NUMBER_WORD}[\s.:]*", 0.8),
    _label(r"^(?:invoice|rechnung|facture)\s*[:.]?\s*(?=\S*\d)", 0.9),
)
DATE = (
    _label(
        r"(?:invoice\s*date|date\s*of\s*(?:issue|invoice)|rechnungsdatum|date\s*(?:de\s*(?:la\s*)?facture|d.emission))"
    ),
    _label(r"(?:\bdate\b|\bdatum\b)", 0.95),
)
OTHER_DATE = re.compile(
    r"\b(?:due|pay|delivery|ship|order|period|echeance|livraison|commande|paiement)|liefer|leistung|fallig|zahl|bestell"
)
TOTAL = (
    _label(
        r"(?:(?:amount|balance|total)\s*(?:due|payable|to\s*pay)|(?:grand|invoice)\s*total|total\s*amount"
        r"|total\s*\(?(?:ttc|incl|inkl)|net\s*a\s*payer|montant\s*(?:total|ttc|du\b)"
        r"|gesamt(?:betrag|summe|preis)|rechnungs(?:betrag|summe)|end(?:betrag|summe)|zahlbetrag|bruttobetrag)"
    ),
    _label(r"(?:\btotal|\bsumme\b)", 0.9),
)
OTHER_TOTAL = re.compile(r"sub\s*-?\s*total|sous\s*-?\s*total|total\s*(?:ht|hors|net|tax|vat|tva)|zwischen|netto|excl")
DESCRIPTION = re.compile(r"^(?:description|item|article|designation|bezeichnung|beschreibung|leistung|libelle|produit)")
SUM = re.compile(r"total|summe|betrag|amount|balance|\bvat\b|\btva\b|mwst|\btax\b")
