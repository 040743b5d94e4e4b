"""The lines of a file and where they end; none of them takes more memory than a command may."""

from collections.abc import Iterator
from typing import BinaryIO

from models.commands import MAX_BATCH_BYTES
from workers.operating.importing.pieces import Place

MAX_LINE_BYTES = MAX_BATCH_BYTES
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Spreadsheets write it in front of UTF-8."""


class UnreadableFile(Exception):  # noqa: N818 - it describes the file
    """Not one line of the file can be read; the message says what to do."""


class Lines(Iterator[str]):
    """The lines from `start` on. `place` is the end of the one given last, `cut` whether a line before was too long and
    only its beginning was given.

    What is not UTF-8 stands for itself, as lone surrogates: it is refused where it is understood, and kept as it was.
    """

    def __init__(self, file: BinaryIO, start: Place) -> None:
        file.seek(start.bytes)
        self._file = file
        self.place = start
        self.cut = False

    def __next__(self) -> str:
        raw = self._file.readline(MAX_LINE_BYTES)
        if not raw:
            raise StopIteration
        length = len(raw)
        while not raw.endswith(b"\n") and (rest := self._file.readline(MAX_LINE_BYTES)):
            self.cut = True
            length += len(rest)
            if rest.endswith(b"\n"):
                break
        if self.place.bytes == 0:
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        self.place = Place(self.place.bytes + length, self.place.lines + 1)
        return raw.decode(errors="surrogateescape")


def is_text(written: str) -> bool:
    """Return whether `written` was UTF-8."""
    try:
        written.encode()
    except UnicodeEncodeError:
        return False
    return True
