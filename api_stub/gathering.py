"""Looking many things up at once, for askers who know nothing of each other.

While one look is under way the next askers gather, and are answered together by the next: an idle process adds no wait,
a busy one asks the database once where it would have asked thirty times.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_COUNT = 100
"""Askers in one look. What it finds for them is in memory at the same time."""

Key = TypeVar("Key")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Key, Found]):
    key: Key
    answer: asyncio.Future[Found | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gathering(Generic[Key, Found]):
    """Answers each asker from a look that began after it asked: whoever has just written finds what it wrote."""

    def __init__(self, look: Callable[[Collection[Key]], Awaitable[Mapping[Key, Found]]]) -> None:
        self._look = look
        self._waiting: list[_Asked[Key, Found]] = []
        self._looking: asyncio.Task[None] | None = None

    async def find(self, key: Key) -> Found | None:
        """Return what is found under `key`, None if nothing is; raises what the look raises."""
        asked: _Asked[Key, Found] = _Asked(key)
        self._waiting.append(asked)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_for_all())
        return await asked.answer

    async def _look_for_all(self) -> None:
        while batch := self._next_batch():
            try:
                found = await self._look({asked.key for asked in batch})
            except Exception as error:  # noqa: BLE001 - whatever it is, each asker must learn of it
                for asked in _still_awaited(batch):
                    asked.answer.set_exception(error)
            else:
                for asked in _still_awaited(batch):
                    asked.answer.set_result(found.get(asked.key))
        self._looking = None

    def _next_batch(self) -> list[_Asked[Key, Found]]:
        waiting = _still_awaited(self._waiting)
        self._waiting = waiting[MAX_COUNT:]
        return waiting[:MAX_COUNT]


def _still_awaited(askers: list[_Asked[Key, Found]]) -> list[_Asked[Key, Found]]:
    """Whoever is cancelled takes their future along."""
    return [asked for asked in askers if not asked.answer.done()]
