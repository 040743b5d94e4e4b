"""Showing what anybody may have written without showing the secrets in it."""

import re
from typing import Any

MASK = "***"
MAX_SHOWN_DEPTH = 100
"""Deeper than any command may nest, and no deeper than the writers of JSON can follow."""

_TELLTALE = re.compile(r"secret|whsec|passw|token|credential|authori[sz]ation|api[-_ ]?key", re.IGNORECASE)


def masked(value: Any, depth: int = MAX_SHOWN_DEPTH) -> Any:
    """Return a JSON value with the mask in place of what stands under a telltale name, of texts that contain one, and
    of what nests too deep."""
    match value:
        case dict() | list() if depth == 0:
            return MASK
        case dict():
            return {_plain(key): MASK if may_hold_a_secret(key) else masked(v, depth - 1) for key, v in value.items()}
        case list():
            return [masked(each, depth - 1) for each in value]
        case str():
            return MASK if may_hold_a_secret(value) else _plain(value)
        case _:
            return value


def may_hold_a_secret(text: str) -> bool:
    """Return whether `text` names a secret: then what follows the name may be one. The word alone is enough, because
    in a text that is no JSON nobody can tell where a value ends."""
    return _TELLTALE.search(text) is not None


def _plain(text: str) -> str:
    """JSON may hold what UTF-8 cannot: halves of surrogate pairs."""
    return text.encode(errors="replace").decode()
