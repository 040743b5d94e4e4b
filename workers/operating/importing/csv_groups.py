"""The rows of a spreadsheet as groups: the first row of a group says what it is, and each of them may have a job."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from models import names
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope
from models.errors import Refusal, ValidationFailed
from models.job_commands import JobFields
from workers.operating.importing.checks import check
from workers.operating.importing.csv_columns import GROUP_ID, Parts
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.pieces import Piece, Row

MAX_ROWS_COUNT = 500
MAX_JOBS_BYTES = MAX_COMMAND_BYTES - 1024
"""Of the jobs in one command, which names their group as well."""


@dataclass(slots=True)
class CsvRow(Row):
    """A row and what its cells say of its group."""

    key: str = ""
    """The same for neighbours that are about one group."""
    fields: dict[str, Any] | None = None
    """Of the group, as far as the row has them. None where the row could not be read."""
    group_id: str | None = None
    """Of a group that there is."""
    size_bytes: int = 0

    def understand(self, parts: Parts) -> None:
        """Take what the cells say, and check the job among it."""
        self.fields, self.group_id = parts.get("fields", {}), parts.get(GROUP_ID)
        if "job" not in parts:
            return
        job = {"document": {}, **parts["job"]}
        try:
            JobFields.model_validate(job)
        except ValidationError as error:
            self.fault = _by_column(ValidationFailed.of(error))
            return
        size_bytes = len(json.dumps(job)) + len(", ")
        if size_bytes > MAX_JOBS_BYTES:
            self.fault = f"its job has more than {MAX_JOBS_BYTES} bytes"
        else:
            self.jobs, self.size_bytes = [job], size_bytes


def pieces_of_group(rows: Iterable[CsvRow], ids: CommandIds) -> Iterator[Piece]:
    """Give neighbouring rows on one group, as many together as fit into one command."""
    group: _Group | None = None
    chunk: list[Row] = []
    size_bytes = 0
    begins = True
    for row in rows:
        group = group or _Group(row.key, ids)
        group.judge(row)
        if len(chunk) == MAX_ROWS_COUNT or size_bytes + row.size_bytes > MAX_JOBS_BYTES:
            yield Piece(chunk, group.id, group.create, begins_group=begins, ends_group=False, last=False)
            chunk, size_bytes, begins = [], 0, False
        chunk.append(row)
        size_bytes += row.size_bytes
    if group:
        yield Piece(chunk, group.id, group.create, begins_group=begins, ends_group=True, last=True)


class _Group:
    """The group that neighbouring rows are about."""

    def __init__(self, key: str, ids: CommandIds) -> None:
        self.id = ids.of_group(key)
        self.create: CommandEnvelope | None = None
        self._first: CsvRow | None = None
        self._fields: dict[str, Any] = {}
        self._fault: str | None = None

    def judge(self, row: CsvRow) -> None:
        """Find what is wrong with `row` as one of the group."""
        if row.fields is None:
            return
        first = self._first = self._first or self._begin(row)
        if self._fault:
            row.fault = self._fault if row is first else f"its group, on line {first.line}: {self._fault}"
        elif different := [name for name, value in row.fields.items() if value != self._fields.get(name)]:
            row.fault = f"{', '.join(different)}: {self._told_by(first)}"
        elif not (row.jobs or row.fault) and (row is not first or row.group_id):
            row.fault = "uri: is empty, and so there is nothing to add"

    def _begin(self, row: CsvRow) -> CsvRow:
        try:
            if row.group_id:
                self.id = UUID(row.group_id)
            else:
                self._fields = row.fields or {}
                create = CommandEnvelope(id=str(self.id), type=names.JOB_GROUP_CREATE, data=self._fields)
                check(create)
                self.create = create
        except Refusal as refusal:
            self._fault = refusal.detail
        except ValueError:
            self._fault = "groupId: is not the id of a group"
        return row

    def _told_by(self, first: CsvRow) -> str:
        if first.group_id:
            return "must be empty beside a groupId, whose group is there already"
        return f"not as on line {first.line}, the first of this group"


def _by_column(refusal: ValidationFailed) -> str:
    """What is wrong, with the names of columns for those of a job's fields."""
    return "; ".join(f"{_column_of(error.field)}: {error.message}" for error in refusal.facts["errors"])


def _column_of(field: str) -> str:
    return f"job.{field}" if field.startswith("metadata") else field.removeprefix("document.")
