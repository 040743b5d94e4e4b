"""The words that the search finds: one rule for what is stored and for what is asked."""

import re
import unicodedata

from models.fields import JobGroupFields

_WORD = re.compile(r"[^\W_]+")
_MAX_WORD_LENGTH = 100
_MAX_QUERY_WORDS = 20


def words_of(text: str) -> list[str]:
    """Return the words in `text`, case and accents folded: "BATCH-2023-001, Zürich" gives batch, 2023, 001, zurich."""
    return [word[:_MAX_WORD_LENGTH] for word in _WORD.findall(text.lower() if text.isascii() else _folded(text))]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def search_vector(fields: JobGroupFields) -> str:
    """Return the tsvector literal of a group's searchable texts, a word as often as it occurs: PostgreSQL keeps one.
    Words are letters and digits: none needs quotes."""
    texts = (fields.name, fields.description or "", fields.batch_number or "", *fields.tags)
    return " ".join(words_of("\n".join(texts)))


def search_queries(text: str) -> list[str]:
    """Return tsquery literals, one for each word of `text`: those that find a word beginning with it."""
    return [f"{word}:*" for word in words_of(text)[:_MAX_QUERY_WORDS]]
