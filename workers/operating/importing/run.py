"""An import from its first line to its last: a window of pieces under way at once, settled in their order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from workers.operating.importing.applying import CarryOut, Result, apply
from workers.operating.importing.journal import Checkpoint
from workers.operating.importing.pieces import Piece
from workers.operating.importing.rejected_file import RejectedFile
from workers.operating.importing.source import Source

MAX_PIECES_COUNT = 2_000
MAX_BYTES = 16 * 1024 * 1024
"""Of the file, under way at once: enough to fill the service's batches, and all that an import needs memory for."""
CHECKPOINT_SECONDS = 0.5
TURN_COUNT = 100
"""Pieces read before those under way have their turn."""


class _UnderWay(NamedTuple):
    piece: Piece
    result: asyncio.Task[Result]


@dataclass
class Import:
    """One import. `rejected` keeps what does not go through; `progress` is told of each piece that is through, `note`
    now and then how far it would be taken up again."""

    source: Source
    rejected: RejectedFile
    progress: Callable[[Checkpoint, Result], None]
    note: Callable[[Checkpoint], None]
    done: Checkpoint = field(default_factory=Checkpoint)
    """All that is settled."""

    def __post_init__(self) -> None:
        self._window: deque[_UnderWay] = deque()
        self._latest: dict[UUID, asyncio.Task[Result]] = {}
        self._read_bytes = self.done.bytes
        self._resumable = self.done
        self._noted_at = time.monotonic()

    async def run(self, carry_out: CarryOut) -> Checkpoint:
        """Carry out the rest of the source and return what came of all of it. What is through when something ends it
        early is noted.

        Raises what `carry_out` and `note` raise.
        """
        try:
            for number, piece in enumerate(self.source.pieces(self.done.place)):
                self._begin(piece, carry_out)
                while self._window and self._is_full():
                    await self._settle()
                if number % TURN_COUNT == 0:
                    await asyncio.sleep(0)
            while self._window:
                await self._settle()
            self._resumable = replace(self.done, finished=True)
        finally:
            await self._end()
        return self._resumable

    def _begin(self, piece: Piece, carry_out: CarryOut) -> None:
        before = self._latest.get(piece.group_id)
        result = asyncio.create_task(apply(piece, self.source.ids, carry_out, before))
        self._latest[piece.group_id] = result
        self._window.append(_UnderWay(piece, result))
        self._read_bytes = piece.end.bytes

    def _is_full(self) -> bool:
        return len(self._window) >= MAX_PIECES_COUNT or self._read_bytes - self.done.bytes > MAX_BYTES

    async def _settle(self) -> None:
        """Wait for the oldest piece, and count it. In the order of the file, so that all before a place is done."""
        piece, result = self._window[0]
        became = await result
        self._window.popleft()
        if self._latest.get(piece.group_id) is result:
            del self._latest[piece.group_id]
        for row, reason, group_id in became.rejected:
            self.rejected.keep(row, reason, group_id)
        self.done = self._counted(piece, became)
        if piece.ends_group:
            self._resumable = self.done
        self.progress(self.done, became)
        if time.monotonic() - self._noted_at > CHECKPOINT_SECONDS:
            self._note()

    def _counted(self, piece: Piece, became: Result) -> Checkpoint:
        return Checkpoint(
            bytes=piece.end.bytes,
            lines=piece.end.lines,
            groups=self.done.groups + became.groups,
            jobs=self.done.jobs + became.jobs,
            rejected=self.done.rejected + len(became.rejected),
            left_open=self.done.left_open + (became.left_open and piece.ends_group),
            rejected_bytes=self.rejected.size_bytes,
        )

    def _note(self) -> None:
        self.rejected.sync()
        self.note(self._resumable)
        self._noted_at = time.monotonic()

    async def _end(self) -> None:
        under_way = [each.result for each in self._window]
        for result in under_way:
            result.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self._note()
