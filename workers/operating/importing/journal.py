"""How far an import is, kept beside its file, so that the next start need not begin at the first line.

Only speed hangs on it: without it, or with one that lags behind, every command is sent again under the same id.
"""

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from workers.operating.importing.pieces import Place


class ChangedFile(Exception):  # noqa: N818 - it names what happened
    """The journal is that of a file with another content."""


class InUse(Exception):  # noqa: N818 - it names what is
    """Another process imports the same file."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is done: all rows before a place in the file."""

    bytes: int = 0
    lines: int = 0
    groups: int = 0
    """Made by them."""
    jobs: int = 0
    """Added by them."""
    rejected: int = 0
    """Rows that did not go through."""
    left_open: int = 0
    """Groups that are not sealed, because they wait for rows that did not go through."""
    rejected_bytes: int = 0
    """The size of the file that keeps those."""
    finished: bool = False

    @property
    def place(self) -> Place:
        return Place(self.bytes, self.lines)


class Journal:
    """The journal at `path` of a file with this SHA-256 that goes to `service`, held for this process alone. A context
    manager."""

    def __init__(self, path: Path, sha256: str, service: str, *, restart: bool) -> None:
        self.path = path
        self.checkpoint: Checkpoint | None = None
        """Where an import before this one came to; None where there was none."""
        self._sha256 = sha256
        self._service = service
        self._restart = restart

    def __enter__(self) -> Self:
        """Raises InUse, and ChangedFile."""
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._restart:
                self._file.truncate(0)
            self.checkpoint = self._last()
        except BlockingIOError:
            self._file.close()
            raise InUse from None
        except ChangedFile:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, checkpoint: Checkpoint) -> None:
        """Add `checkpoint`; it is on the disk when this returns."""
        self._file.write(json.dumps({**self._about(), **asdict(checkpoint)}).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _about(self) -> dict[str, str]:
        return {"sha256": self._sha256, "service": self._service}

    def _last(self) -> Checkpoint | None:
        self._file.seek(0)
        last = None
        for line in self._file:
            with suppress(ValueError):  # the last may be torn
                last = json.loads(line)
        if last is None:
            return None
        if last.pop("sha256") != self._sha256:
            raise ChangedFile
        if last.pop("service") == self._service:
            return Checkpoint(**last)
        # Nothing is known of what this service has of it; what was kept of an import that ended stays, though.
        return None if last["finished"] else Checkpoint()
