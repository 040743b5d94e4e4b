"""Which events somebody wants: of some groups, or of some names by AMQP's topic patterns, or all."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from models.events import ROUTING_KEYS
from models.topics import expression, fits

_PATTERN = re.compile(r"(?:[a-z0-9_]+|[*#])(?:\.(?:[a-z0-9_]+|[*#]))*")


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events somebody wants. No groups: those of all. No names: those of any."""

    groups: frozenset[UUID] = frozenset()
    names: re.Pattern[str] | None = None
    """Matches the whole of a name with a dot before it."""

    def takes(self, group_id: UUID, name: str) -> bool:
        """Return whether an event of this group, published under this name, is wanted."""
        if self.groups and group_id not in self.groups:
            return False
        return self.names is None or self.names.match(f".{name}") is not None


EVERYTHING = Interest()


def interest_in(groups: Iterable[UUID], patterns: Collection[str]) -> Interest:
    """Return the interest in events of any of `groups` whose names match any of `patterns`."""
    alternatives = "|".join(expression(pattern).pattern for pattern in patterns)
    return Interest(frozenset(groups), re.compile(f"^(?:{alternatives})$") if patterns else None)


def check_pattern(pattern: str) -> str:
    """Return `pattern`; raises ValueError where it is none, or there is no event whose name it matches."""
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("must be words joined by dots, * for any one word, # for any number of them")
    if not any(fits(pattern, name) for name in ROUTING_KEYS):
        raise ValueError(f"matches no event; their names are {', '.join(ROUTING_KEYS)}")
    return pattern
