"""What is read from a file: rows, and the pieces in which they are sent."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from models.commands import CommandEnvelope


class Place(NamedTuple):
    """Between two lines of a file: how much of it lies before."""

    bytes: int = 0
    lines: int = 0


@dataclass(slots=True)
class Row:
    """A line, or the several lines over which a cell of a spreadsheet may stretch."""

    line: int
    """The number of its first line, from 1."""
    record: Any
    """As it was read, for the file of what was rejected."""
    end: Place
    jobs: list[dict[str, Any]] = field(default_factory=list)
    """`jobs` of the command `job.add`."""
    fault: str | None = None
    """Why it is not sent."""


@dataclass(slots=True)
class Piece:
    """Rows on one group that are sent as one: its creation, if `create` is there, and then their jobs."""

    rows: list[Row]
    group_id: UUID
    create: CommandEnvelope | None
    begins_group: bool
    """Whether no piece before this one is about the same rows of the group."""
    ends_group: bool
    """Whether no later piece is. An import goes on from here, never from within a group."""
    last: bool
    """Whether the group is to be sealed, if all of its rows went through."""

    @property
    def end(self) -> Place:
        return self.rows[-1].end
