"""The columns of a spreadsheet of groups and jobs, and what their cells mean."""

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from workers.operating.importing.lines import UnreadableFile

GROUP_KEY, GROUP_ID, REJECTED = "group", "groupId", "rejected"
Parts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """Where the cells of a column go: to `path` within the `part` of a row."""

    part: str
    path: tuple[str, ...] = ()
    convert: Callable[[str], Any] = str


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.replace(";", ",").split(",") if word.strip()]


def _json_or_text(cell: str) -> Any:
    """A number, TRUE as spreadsheets write it, a JSON object; whatever else is a text."""
    if cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    try:
        value = json.loads(cell)
    except ValueError:
        return cell
    return value if isinstance(value, int | float | list | dict) else cell


_GROUP_TEXTS = ("name", "description", "template", "priority", "batchNumber", "createdBy", "assignedTo")
_KNOWN = {
    **{name: Column(name) for name in (GROUP_KEY, GROUP_ID, REJECTED)},
    **{name: Column("fields", (name,)) for name in _GROUP_TEXTS},
    "tags": Column("fields", ("tags",), _words),
    "notifications": Column("fields", ("notifications",), _json_or_text),
    "processingSettings.languages": Column("fields", ("processingSettings", "languages"), _words),
    "externalId": Column("job", ("externalId",)),
    **{name: Column("job", ("document", name)) for name in ("uri", "filename", "mimeType", "sha256")},
    "pageCount": Column("job", ("document", "pageCount"), _json_or_text),
}
_FAMILIES: dict[str, Callable[[str], Column]] = {
    "metadata.": lambda key: Column("fields", ("metadata", key)),
    "processingSettings.": lambda key: Column("fields", ("processingSettings", *key.split(".")), _json_or_text),
    "job.metadata.": lambda key: Column("job", ("metadata", key)),
}
"""Columns whose names go on with a key of the sender's own."""


class Columns:
    """The columns in a header, in their order.

    Raises UnreadableFile where one is unknown or there twice: a typo must not leave a field out.
    """

    def __init__(self, header: Sequence[str]) -> None:
        self._columns = [_column(name) for name in header]
        for number, column in enumerate(self._columns):
            if column in self._columns[:number]:
                raise UnreadableFile(f"two columns are called {header[number]!r}")
        parts = [column.part for column in self._columns]
        if "fields" not in parts and GROUP_ID not in parts:
            raise UnreadableFile("the first line must name the columns; among them name and template, or groupId")
        self._added = [name for name in (GROUP_ID, REJECTED) if name not in parts]
        self.kept_header = [*header, *self._added]
        """The header of what was rejected."""

    def __len__(self) -> int:
        return len(self._columns)

    def read(self, cells: Sequence[str]) -> Parts:
        """Return the `fields` of a group, those of a `job`, the `group` and the `groupId` that the cells name, as far
        as they are not empty."""
        parts: Parts = {}
        for column, cell in zip(self._columns, cells, strict=False):
            if written := cell.strip():
                _put(parts, (column.part, *column.path), column.convert(written))
        return parts

    def kept(self, cells: Sequence[str], reason: str, group_id: UUID | None) -> list[str]:
        """Return the cells of a row under `kept_header`, with what is wrong with it. Of a row whose group was made,
        only those of its job stay."""
        width = len(self._columns)
        padded = [*cells[:width], *[""] * (width - len(cells))]
        own = {REJECTED: reason, GROUP_ID: str(group_id)} if group_id else {REJECTED: reason}
        emptied = ("fields", GROUP_KEY) if group_id else ()
        row = [
            own.get(column.part, "" if column.part in emptied else cell)
            for column, cell in zip(self._columns, padded, strict=True)
        ]
        return [*row, *(own.get(name, "") for name in self._added), *cells[width:]]


def _column(written: str) -> Column:
    name = "".join(written.split())
    if known := {each.lower(): column for each, column in _KNOWN.items()}.get(name.lower()):
        return known
    for family, column in _FAMILIES.items():
        if name.lower().startswith(family.lower()) and name[len(family) :]:
            return column(name[len(family) :])
    close = difflib.get_close_matches(name, _KNOWN, n=1)
    every = ", ".join((*_KNOWN, *(f"{family}KEY" for family in _FAMILIES)))
    raise UnreadableFile(f"there is no column {written!r}{f': is it {close[0]}?' if close else f'; there are {every}'}")


def _put(parts: Parts, path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        parts = parts.setdefault(step, {})
    parts[path[-1]] = value
