"""Which events somebody wants: of some groups, or of some names by AMQP's topic patterns, or all."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from models.events import ROUTING_KEYS

_PATTERN = re.compile(r"(?:[a-z0-9_]+|[*#])(?:\.(?:[a-z0-9_]+|[*#]))*")
_WORD = {"*": r"\.[^.]+", "#": r"(?:\.[^.]+)*"}
"""As in a binding (AMQP 0-9-1, section 3.1.3.3): `*` stands for one word, `#` for none or more."""


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events somebody wants. No groups: those of all. No names: those of any."""

    groups: frozenset[UUID] = frozenset()
    names: re.Pattern[str] | None = None
    """Matches the whole of a name with a dot before it; PostgreSQL reads it to the same effect."""

    def takes(self, group_id: UUID, name: str) -> bool:
        """Return whether an event of this group, published under this name, is wanted."""
        if self.groups and group_id not in self.groups:
            return False
        return self.names is None or self.names.match(f".{name}") is not None


EVERYTHING = Interest()


def interest_in(groups: Iterable[UUID], patterns: Collection[str]) -> Interest:
    """Return the interest in events of any of `groups` whose names match any of `patterns`."""
    alternatives = "|".join(map(_expression, patterns))
    return Interest(frozenset(groups), re.compile(f"^(?:{alternatives})$") if patterns else None)


def check_pattern(pattern: str) -> str:
    """Return `pattern`; raises ValueError where it is none, or there is no event whose name it matches."""
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("must be words joined by dots, * for any one word, # for any number of them")
    expression = re.compile(_expression(pattern))
    if not any(expression.fullmatch(f".{name}") for name in ROUTING_KEYS):
        raise ValueError(f"matches no event; their names are {', '.join(ROUTING_KEYS)}")
    return pattern


def _expression(pattern: str) -> str:
    # Side by side they mean no more than one of them, and would be tried in every way there is to share the words.
    words = re.sub(r"#(?:\.#)+", "#", pattern).split(".")
    return "".join(_WORD.get(word, rf"\.{word}") for word in words)
