"""The file that keeps what was rejected, in the format of the file it came from, to be mended and imported."""

import os
from pathlib import Path
from typing import BinaryIO, Protocol, Self
from uuid import UUID

from workers.operating.importing.pieces import Row


class Keeping(Protocol):
    """A format, as far as it writes."""

    def rejected_head(self) -> bytes: ...

    def rejected(self, row: Row, reason: str, group_id: UUID | None) -> bytes: ...


class RejectedFile:
    """The file at `path`, of which `size_bytes` are there from before and stay. It is made when there is something to
    keep. A context manager."""

    def __init__(self, path: Path, keeping: Keeping, size_bytes: int = 0) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self._keeping = keeping
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self.size_bytes:
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def keep(self, row: Row, reason: str, group_id: UUID | None) -> None:
        """Add `row`."""
        file = self._file or self._open()
        if self.size_bytes == 0:
            self.size_bytes += file.write(self._keeping.rejected_head())
        self.size_bytes += file.write(self._keeping.rejected(row, f"line {row.line}: {reason}", group_id))

    def sync(self) -> None:
        """Return when all of it is on the disk."""
        if self._file:
            self._file.flush()
            os.fsync(self._file.fileno())

    def _open(self) -> BinaryIO:
        # What lies behind `size_bytes` was kept by a process that died before it could note how far it was.
        file = self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        file.truncate(self.size_bytes)
        file.seek(self.size_bytes)
        return file
