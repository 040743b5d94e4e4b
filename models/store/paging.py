"""Pages of lists: the first; those at a cursor, which are as cheap; those at an offset, which cost what they skip."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    RowMapping,
    Select,
    Table,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.store.cursors import Place, read_cursor, write_cursor
from models.store.estimates import estimate_count
from models.store.sorting import Order

Count = Literal["exact", "estimated", "none"]
"""How `total` comes about: by counting all rows, from PostgreSQL's statistics, or not at all."""

T = TypeVar("T")
Condition = ColumnElement[bool]

_MAX_OFFSET = 2**63 - 1
"""PostgreSQL's bound; nothing is that far down any list."""
_REACH = 100
"""Rows looked at for each row of the page before a rare condition is taken to be rare."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page: at most `limit` items after the first `offset`, or after the place that `cursor` names."""

    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    count: Count = "exact"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    items: list[T]
    total: int | None
    """Items on all pages; None if nobody wanted to know."""
    next: str | None = None
    """The cursor of the page after this one; None if there is none."""
    previous: str | None = None

    def of(self, items: list[Any]) -> "Page[Any]":
        """Return the same page of what was made from its rows."""
        return replace(self, items=items)


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a list."""

    table: Table
    columns: Sequence[ColumnElement[Any]]
    within: Condition
    """What holds for all of them whatever was asked, and what the list's indexes are made for."""
    order: Order
    wanted: Condition = field(default_factory=true)
    """What was asked of them."""
    narrowed: Condition | None = None
    """Where PostgreSQL cannot know how many rows `wanted` leaves: what of it an index should be asked for. Left alone,
    it takes a rare condition for a common one, and walks to the end of the list for it; or the other way about, and
    collects half of the table to sort it."""
    asked: Sequence[str | None] = ()
    """The texts that the list was asked for with; a cursor holds good for these only."""


async def read_page(connection: AsyncConnection, selection: Selection, paging: Paging) -> Page[RowMapping]:
    """Return one page of the rows; raises ValidationFailed naming `cursor` if it is none of this list's."""
    order, asked = selection.order, selection.asked
    place = read_cursor(paging.cursor, order, asked) if paging.cursor is not None else None
    backwards = place is not None and place.backwards
    rows = await _rows(connection, selection, place, paging.limit + 1, min(paging.offset, _MAX_OFFSET))
    is_more = len(rows) > paging.limit
    rows = rows[: paging.limit]
    total = await _total(connection, selection, paging, len(rows), is_last=not is_more)
    if backwards:
        rows.reverse()
    has_previous = is_more if backwards else bool(place or paging.offset)
    return Page(
        rows,
        total,
        _cursor(rows[-1], selection, backwards=False) if rows and (is_more or backwards) else None,
        _cursor(rows[0], selection, backwards=True) if rows and has_previous else None,
    )


def _cursor(row: RowMapping, selection: Selection, *, backwards: bool) -> str:
    values = tuple(row[column.name] for column in selection.order.columns)
    return write_cursor(Place(values, backwards), selection.asked)


async def _total(
    connection: AsyncConnection, selection: Selection, paging: Paging, found_count: int, *, is_last: bool
) -> int | None:
    if paging.count == "none":
        return None
    if is_last and paging.cursor is None and (found_count or not paging.offset):  # the end of the list is on this page
        return paging.offset + found_count
    if paging.count == "estimated":
        all_rows: Select[Any] = select(literal_column("1")).select_from(selection.table)
        return await estimate_count(connection, all_rows.where(*_conditions(selection)))
    return await _count(connection, selection)


async def _count(connection: AsyncConnection, selection: Selection, section: Condition | None = None) -> int:
    query = select(func.count()).select_from(selection.table).where(*_conditions(selection))
    return (await connection.execute(query if section is None else query.where(section))).scalar_one()


async def _rows(
    connection: AsyncConnection, selection: Selection, place: Place | None, limit: int, offset: int
) -> list[RowMapping]:
    rows: list[RowMapping] = []
    for section in _sections(selection.order, place):
        rows += await _section_rows(connection, selection, section, place, limit - len(rows), offset)
        if len(rows) == limit:
            break
        if offset and not rows:
            offset -= await _count(connection, selection, section)
        else:
            offset = 0
    return rows


async def _section_rows(
    connection: AsyncConnection, selection: Selection, section: Condition, place: Place | None, limit: int, offset: int
) -> list[RowMapping]:
    terms = selection.order.terms(backwards=place is not None and place.backwards)
    shown = select(*selection.columns).order_by(*terms).limit(limit).offset(offset)
    if selection.narrowed is None:
        return await _all(connection, shown.where(*_conditions(selection), section))
    near = select(selection.table).where(selection.within, section).order_by(*terms).limit(_REACH * limit)
    rows = await _all(connection, _out_of(near, selection.table, shown.where(selection.wanted)))
    if len(rows) == limit:
        return rows
    # OFFSET 0 keeps PostgreSQL from walking the list in its order after all.
    rare = select(selection.table).where(selection.within, section, selection.narrowed).offset(literal_column("0"))
    return await _all(connection, _out_of(rare, selection.table, shown.where(selection.wanted)))


def _out_of(inner: Select[Any], table: Table, outer: Select[Any]) -> Select[Any]:
    """Let `outer` read what `inner` finds where it names `table`: in SQL a WITH hides the table of its name."""
    return outer.add_cte(inner.cte(table.name))


async def _all(connection: AsyncConnection, query: Select[Any]) -> list[RowMapping]:
    return list((await connection.execute(query)).mappings())


def _conditions(selection: Selection) -> tuple[Condition, Condition]:
    return selection.within, selection.wanted


def _sections(order: Order, place: Place | None) -> list[Condition]:
    """Return where to look, one after the other: one index scan serves either side of the nulls, but not both."""
    if not order.has_nulls:
        return [_beyond(order.columns, place, order)]
    first = order.columns[0]
    if place is None:
        return [first.is_not(None), first.is_(None)]
    if place.values[0] is None:
        here = first.is_(None) & _beyond(order.columns[1:], place, order)
        return [here, first.is_not(None)] if place.backwards else [here]
    here = first.is_not(None) & _beyond(order.columns, place, order)
    return [here] if place.backwards else [here, first.is_(None)]


def _beyond(columns: Sequence[Column[Any]], place: Place | None, order: Order) -> Condition:
    if place is None:
        return true()
    values = place.values[-len(columns) :]
    row, reached = tuple_(*columns), tuple_(*(literal(v, c.type) for v, c in zip(values, columns, strict=True)))
    return row < reached if order.descending != place.backwards else row > reached
