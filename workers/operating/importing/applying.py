"""Carrying out a piece: the group first, then its jobs."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from models import names
from models.commands import CommandEnvelope
from models.errors import ErrorCode
from models.outcome import Outcome, OutcomeError
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.pieces import Piece, Row

_JOB_FIELD = re.compile(r"jobs\.(\d+)\.?(.*)")

CarryOut = Callable[[CommandEnvelope], Awaitable[Outcome]]


@dataclass(slots=True)
class Result:
    """What became of a piece."""

    groups: int = 0
    jobs: int = 0
    rejected: list[tuple[Row, str, UUID | None]] = field(default_factory=list)
    """Rows that did not go through, why, and their group where this import has made it all the same."""
    left_open: bool = False
    """Whether the group is there, and waits for rows that did not go through."""

    def reject(self, rows: Iterable[Row], reason: str, group_id: UUID | None) -> None:
        """Note that `rows` did not go through, for `reason` where they have none of their own."""
        self.rejected.extend((row, row.fault or reason, group_id) for row in rows)


async def apply(piece: Piece, ids: CommandIds, carry_out: CarryOut, before: Awaitable[Result] | None) -> Result:
    """Carry `piece` out, after the piece `before` it on the same group, and return what became of it.

    Raises what `carry_out` raises. All of it may be tried again: the commands are the same.
    """
    preceding = await before if before else None
    result = Result(left_open=bool(preceding and preceding.left_open and not piece.begins_group))
    if piece.begins_group and piece.ends_group and all(row.fault for row in piece.rows):
        result.reject(piece.rows, "", None)
        return result
    if piece.create:
        created = await carry_out(piece.create)
        if created.error:
            result.reject(piece.rows, _why_not_created(created.error), None)
            return result
        result.groups = int(piece.begins_group)
    result.reject((row for row in piece.rows if row.fault), "", _made(piece))
    is_there = await _add_jobs(piece, ids, carry_out, result)
    result.left_open = is_there and (result.left_open or bool(result.rejected))
    result.rejected.sort(key=lambda each: each[0].line)
    return result


async def _add_jobs(piece: Piece, ids: CommandIds, carry_out: CarryOut, result: Result) -> bool:
    """Return whether the group is there.

    The service refuses all jobs of a command for the sake of one: those that it names are left out of the next.
    """
    adding = [row for row in piece.rows if row.jobs and not row.fault]
    attempt = 0
    while adding:
        jobs = [job for row in adding for job in row.jobs]
        last = piece.last and not (result.rejected or result.left_open)
        added = await carry_out(
            CommandEnvelope(
                id=str(ids.of_jobs(piece.rows[0].line, attempt)),
                type=names.JOB_ADD,
                data={"groupId": str(piece.group_id), "jobs": jobs, "last": last},
            )
        )
        if added.error is None:
            result.jobs += len(jobs)
            return True
        if added.error.code is ErrorCode.NOT_FOUND:
            result.reject(adding, added.error.detail, None)
            return False
        reasons = _blamed(adding, added.error)
        for row in adding:
            if row.line in reasons:
                result.reject([row], reasons[row.line], _made(piece))
        adding = [row for row in adding if row.line not in reasons]
        attempt += 1
    return True


def _why_not_created(error: OutcomeError) -> str:
    """In one file an id can only be that of another group where two groups have one key."""
    if error.code is ErrorCode.COMMAND_ID_REUSED:
        return "group: further up is another group of this key, with other fields; rows of one group stand together"
    return error.detail


def _made(piece: Piece) -> UUID | None:
    return piece.group_id if piece.create else None


def _blamed(rows: Sequence[Row], error: OutcomeError) -> Mapping[int, str]:
    """What is wrong with which of the rows, by their lines: with all of them where the error names none."""
    lines = [row.line for row in rows for _ in row.jobs]
    reasons: dict[int, str] = {}
    for wrong in error.errors or ():
        if found := _JOB_FIELD.fullmatch(wrong.field):
            reasons.setdefault(lines[int(found[1])], f"{found[2]}: {wrong.message}")
    return reasons or {row.line: error.detail for row in rows}
