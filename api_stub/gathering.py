"""One exchange with a server for many askers who know nothing of each other.

While one is under way the next askers gather, and are answered together by the next: an idle process adds no wait, a
busy one asks its database or Redis once where it would have asked thirty times.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_COUNT = 100
"""Askers in one exchange. What is found for them is in memory at the same time."""

Key = TypeVar("Key")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Key, Found]):
    key: Key
    answer: asyncio.Future[Found | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gathering(Generic[Key, Found]):
    """Answers each asker by an exchange that began after it asked: whoever has just written finds what it wrote."""

    def __init__(self, exchange: Callable[[Collection[Key]], Awaitable[Mapping[Key, Found]]]) -> None:
        self._exchange = exchange
        self._waiting: list[_Asked[Key, Found]] = []
        self._exchanging: asyncio.Task[None] | None = None

    async def ask(self, key: Key) -> Found | None:
        """Return what the exchange has under `key`, None if it has nothing; raises what the exchange raises."""
        asked: _Asked[Key, Found] = _Asked(key)
        self._waiting.append(asked)
        if self._exchanging is None:
            self._exchanging = asyncio.create_task(self._answer_all())
        return await asked.answer

    async def _answer_all(self) -> None:
        while batch := self._next_batch():
            try:
                found = await self._exchange({asked.key for asked in batch})
            except Exception as error:  # noqa: BLE001 - whatever it is, each asker must learn of it
                for asked in _still_awaited(batch):
                    asked.answer.set_exception(error)
            else:
                for asked in _still_awaited(batch):
                    asked.answer.set_result(found.get(asked.key))
        self._exchanging = None

    def _next_batch(self) -> list[_Asked[Key, Found]]:
        waiting = _still_awaited(self._waiting)
        self._waiting = waiting[MAX_COUNT:]
        return waiting[:MAX_COUNT]


def _still_awaited(askers: list[_Asked[Key, Found]]) -> list[_Asked[Key, Found]]:
    """Whoever is cancelled takes their future along."""
    return [asked for asked in askers if not asked.answer.done()]
