"""Reading the events that are kept, from one position to another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping

from models.interest import Interest
from models.store.engine import make_async_engine
from models.store.feed import kept, read_page


class NotKept(Exception):  # noqa: N818 - a state
    """Some of what was asked for is gone by retention; what is kept begins at `earliest`."""

    def __init__(self, earliest: int) -> None:
        super().__init__(f"what is kept begins at {earliest}")
        self.earliest = earliest


@dataclass(frozen=True, slots=True)
class Span:
    """Which events: those behind one position up to another, and none that happened later than a time."""

    after: int
    until: int | None
    until_time: datetime | None

    def takes(self, row: RowMapping) -> bool:
        """Return whether the event in `row` happened early enough."""
        return self.until_time is None or row["occurred_at"] <= self.until_time


async def kept_events(database_url: str, span: Span, interest: Interest) -> AsyncIterator[Sequence[RowMapping]]:
    """Give the events of `span` that are of interest, page by page; those that are published meanwhile are not among
    them. Raises NotKept."""
    engine = make_async_engine(database_url, pool_size=1)
    try:
        async with engine.connect() as connection:
            ends = await kept(connection)
            if 0 < span.after < ends.earliest - 1:
                raise NotKept(ends.earliest)
            # From 0 on there may be millions of positions before the first that is kept.
            position = max(span.after, ends.earliest - 1)
            last = ends.latest if span.until is None else min(span.until, ends.latest)
            while position < last:
                page = await read_page(connection, position, last, interest)
                position = page.reached
                yield [row for row in page.rows if interest.takes(row["group_id"], row["name"]) and span.takes(row)]
    finally:
        await engine.dispose()
