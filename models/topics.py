"""Patterns of event names, as AMQP's topic exchanges have them."""

import re
from functools import lru_cache
from itertools import groupby


def fits(pattern: str, name: str) -> bool:
    """Return whether `pattern` takes in `name`: `*` stands for one word, `#` for any number of them, none included;
    words are what dots separate (AMQP 0-9-1, 3.1.3.3)."""
    return _expression(pattern).fullmatch(f".{name}") is not None


@lru_cache(maxsize=1000)
def _expression(pattern: str) -> re.Pattern[str]:
    # Every word brings its dot along, so that `#` can stand for none.
    wild = {"*": r"\.[^.]+", "#": r"(?:\.[^.]+)*"}
    return re.compile("".join(wild.get(word, re.escape(f".{word}")) for word in _words(pattern)))


def _words(pattern: str) -> list[str]:
    """`#.#` says what `#` says, and takes the longer the more of them a stranger strings together."""
    return [word for key, same in groupby(pattern.split(".")) for word in ([key] if key == "#" else same)]
