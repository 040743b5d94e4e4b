"""JSON lines: on each line a group, with its jobs, or jobs for a group that there is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from models import names
from models.commands import CommandEnvelope
from models.errors import Refusal
from workers.operating.importing.checks import check
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.lines import MAX_LINE_BYTES, Lines, is_text
from workers.operating.importing.pieces import Piece, Place, Row

_NOT_OF_THE_GROUP = ("jobs", "last", "rejected")


class JsonLines:
    """A file of JSON lines."""

    def __init__(self, path: Path, ids: CommandIds) -> None:
        self._path = path
        self.ids = ids

    def pieces(self, start: Place) -> Iterator[Piece]:
        """Give each line from `start` on as a piece of its own; blank ones are left out."""
        with self._path.open("rb") as file:
            lines = Lines(file, start)
            for text in lines:
                if text.strip():
                    yield self._piece(text, lines.place, cut=lines.cut)
                lines.cut = False

    def rejected_head(self) -> bytes:
        """Return what the file of rejected lines begins with."""
        return b""

    def rejected(self, row: Row, reason: str, group_id: UUID | None) -> bytes:
        """Return the line that keeps `row`, for a person to mend and to import again.

        `group_id`: the group was made, so that only its jobs are missing.
        """
        record = row.record if isinstance(row.record, dict) else {"text": row.record}
        if group_id:
            record = {"groupId": str(group_id), "jobs": record["jobs"], "last": record.get("last", True)}
        return json.dumps(record | {"rejected": reason}).encode() + b"\n"

    def _piece(self, text: str, end: Place, *, cut: bool) -> Piece:
        row = Row(end.lines, text.strip(), end)
        piece = Piece(
            [row], self.ids.of_group(f"line {row.line}"), None, begins_group=True, ends_group=True, last=False
        )
        try:
            if cut:
                raise ValueError(f"longer than {MAX_LINE_BYTES} bytes; only its beginning is kept here")
            _understand(piece, row, _object(text))
        except (Refusal, ValueError, RecursionError) as error:
            row.fault = str(error)
        return piece


def _understand(piece: Piece, row: Row, record: dict[str, Any]) -> None:
    row.record = {name: value for name, value in record.items() if name != "rejected"}
    jobs, piece.last = record.get("jobs"), record.get("last", True)
    if "groupId" not in record:
        fields = {name: value for name, value in record.items() if name not in _NOT_OF_THE_GROUP}
        piece.create = CommandEnvelope(id=str(piece.group_id), type=names.JOB_GROUP_CREATE, data=fields)
        piece.group_id = check(piece.create).target
    elif extra := record.keys() - {"groupId", *_NOT_OF_THE_GROUP}:
        raise ValueError(f"{', '.join(sorted(extra))}: must be absent beside a groupId, whose group is there already")
    if jobs or "groupId" in record:
        data = {"groupId": record.get("groupId", str(piece.group_id)), "jobs": jobs, "last": piece.last}
        piece.group_id = check(CommandEnvelope(id=str(piece.group_id), type=names.JOB_ADD, data=data)).target
        row.jobs = data["jobs"]


def _object(text: str) -> dict[str, Any]:
    if not is_text(text):
        raise ValueError("not UTF-8")
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(record, dict):
        raise ValueError("must be a JSON object")
    return record
