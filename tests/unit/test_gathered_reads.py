"""Many askers, one look: who is answered by which, and what of those who give up or ask in vain."""

import asyncio
from collections.abc import Collection

import pytest

from api_stub import gathering
from api_stub.gathering import Gathering


class Shelf:
    """Looks up squares, when it is let to, and remembers what it was asked. There are none beyond 100."""

    def __init__(self) -> None:
        self.looks: list[set[int]] = []
        self.let = asyncio.Event()
        self.error: Exception | None = None

    async def look(self, keys: Collection[int]) -> dict[int, int]:
        self.looks.append(set(keys))
        await self.let.wait()
        if self.error:
            raise self.error
        return {key: key * key for key in keys if key <= 100}


async def gather(asked: Gathering[int, int], *keys: int) -> list["asyncio.Task[int | None]"]:
    """Let somebody ask for each of `keys`; return once all have."""
    tasks = [asyncio.create_task(asked.find(key)) for key in keys]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def test_who_asks_while_a_look_is_under_way_is_answered_by_the_next() -> None:
    async def run() -> None:
        shelf = Shelf()
        asked = Gathering(shelf.look)
        first = await gather(asked, 2)
        later = await gather(asked, 2, 3, 3, 101)
        assert shelf.looks == [{2}]
        shelf.let.set()
        assert await asyncio.gather(*first, *later) == [4, 4, 9, 9, None]
        assert shelf.looks == [{2}, {2, 3, 101}]
        assert await asked.find(5) == 25

    asyncio.run(run())


def test_no_look_is_for_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MAX_COUNT", 3)

    async def run() -> None:
        shelf = Shelf()
        shelf.let.set()
        found = await asyncio.gather(*map(Gathering(shelf.look).find, range(8)))
        assert found == [key * key for key in range(8)]
        assert [len(look) for look in shelf.looks] == [3, 3, 2]

    asyncio.run(run())


def test_who_gives_up_takes_nobody_along() -> None:
    async def run() -> None:
        shelf = Shelf()
        leaving, staying = await gather(Gathering(shelf.look), 2, 2)
        leaving.cancel()
        await asyncio.sleep(0)
        shelf.let.set()
        assert await staying == 4
        assert leaving.cancelled()

    asyncio.run(run())


def test_for_who_has_given_up_nobody_looks() -> None:
    async def run() -> None:
        shelf = Shelf()
        asked = Gathering(shelf.look)
        (first,) = await gather(asked, 2)
        leaving, staying = await gather(asked, 3, 4)
        leaving.cancel()
        await asyncio.sleep(0)
        shelf.let.set()
        assert await asyncio.gather(first, staying) == [4, 16]
        assert shelf.looks == [{2}, {4}]

    asyncio.run(run())


def test_a_look_that_fails_fails_all_who_asked_and_nobody_after_them() -> None:
    async def run() -> None:
        shelf = Shelf()
        asked = Gathering(shelf.look)
        shelf.error = OSError("away")
        failing = await gather(asked, 2, 3)
        shelf.let.set()
        assert [str(error) for error in await asyncio.gather(*failing, return_exceptions=True)] == ["away", "away"]
        shelf.error = None
        assert await asked.find(2) == 4

    asyncio.run(run())
