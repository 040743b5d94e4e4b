"""A spreadsheet, saved as CSV: on each row a group, a job, or both. Rows on one group stand together."""

import csv
import io
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from uuid import UUID

from workers.operating.importing.csv_columns import GROUP_ID, GROUP_KEY, Columns, Parts
from workers.operating.importing.csv_groups import CsvRow, pieces_of_group
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.lines import BYTE_ORDER_MARK, Lines, UnreadableFile, is_text
from workers.operating.importing.pieces import Piece, Place, Row

DELIMITERS = ",;\t"
"""Where a comma stands in numbers, spreadsheets write a semicolon between cells."""
NOT_UTF8 = "not UTF-8; a spreadsheet saves it as 'CSV UTF-8'"


class CsvFile:
    """A CSV file. Raises UnreadableFile where its header cannot be understood."""

    def __init__(self, path: Path, ids: CommandIds) -> None:
        self._path = path
        self.ids = ids
        with path.open("rb") as file:
            lines = Lines(file, Place())
            header = next(lines, "")
            self._first = lines.place
        if not is_text(header) or "\0" in header:
            raise UnreadableFile(f"the file is {NOT_UTF8}")
        self._delimiter = max(DELIMITERS, key=header.count)
        self._columns = Columns(next(csv.reader([header], delimiter=self._delimiter), []))

    def pieces(self, start: Place) -> Iterator[Piece]:
        """Give the rows from `start` on, those on one group together, as far as they fit into one command."""
        with self._path.open("rb") as file:
            rows = self._rows(Lines(file, max(start, self._first)))
            for _, of_group in groupby(rows, key=attrgetter("key")):
                yield from pieces_of_group(of_group, self.ids)

    def rejected_head(self) -> bytes:
        """Return what the file of rejected rows begins with."""
        return BYTE_ORDER_MARK + self._written(self._columns.kept_header)

    def rejected(self, row: Row, reason: str, group_id: UUID | None) -> bytes:
        """Return the row that keeps `row`, for a person to mend and to import again.

        `group_id`: the group was made, so that only the row's job is missing.
        """
        return self._written(self._columns.kept(row.record, reason, group_id))

    def _rows(self, lines: Lines) -> Iterator[CsvRow]:
        taken: list[str] = []
        reader = csv.reader(_noting(lines, taken), delimiter=self._delimiter, strict=True)
        row = None
        while True:
            number = lines.place.lines + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # Most likely about the same group as its neighbour, which has to stay open for it.
                key = row.key if row else ""
                row = CsvRow(number, ["".join(taken).rstrip("\r\n")], lines.place, key=key, fault=f"not CSV: {error}")
                yield row
            else:
                if any(cell.strip() for cell in cells):
                    row = self._row(number, cells, lines.place)
                    yield row
            taken.clear()

    def _row(self, number: int, cells: list[str], end: Place) -> CsvRow:
        parts = self._columns.read(cells)
        row = CsvRow(number, cells, end, key=_key(parts, number))
        if not is_text("".join(cells)):
            row.fault = NOT_UTF8
        elif len(cells) > len(self._columns):
            row.fault = "it has more cells than the first line has columns"
        else:
            row.understand(parts)
        return row

    def _written(self, cells: list[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter).writerow(cells)
        return text.getvalue().encode(errors="surrogateescape")


def _noting(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Give the lines and keep them in `taken`: of what it cannot read, the reader tells no more than that."""
    for text in lines:
        taken.append(text)
        yield text


def _key(parts: Parts, number: int) -> str:
    """The same for rows on one group."""
    named = [f"{name} {parts[name]}" for name in (GROUP_ID, GROUP_KEY) if name in parts]
    return named[0] if named else f"line {number}"
