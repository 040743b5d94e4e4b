"""Job groups for the eye: a table of many, all of one."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from models.lifecycle import Status

COLOURS = {
    Status.DRAFT: "dim",
    Status.QUEUED: "cyan",
    Status.PROCESSING: "blue",
    Status.PAUSED: "yellow",
    Status.AWAITING_REVIEW: "magenta",
    Status.COMPLETED: "green",
    Status.COMPLETED_WITH_ERRORS: "yellow",
    Status.FAILED: "red",
    Status.CANCELLING: "yellow",
    Status.CANCELLED: "dim",
    Status.EXPIRED: "dim",
}
ID_LENGTH = 36
WIDE = 110
"""Columns of a terminal that has room for everything."""
_BAR_WIDTH = 5

Group = Mapping[str, Any]


def show_many(console: Console, groups: Iterable[Group], caption: str) -> None:
    """Write a line for each group, and more where the terminal is narrow. An id is never broken: it is for copying."""
    wide = console.width >= WIDE
    others = [Column(name, overflow="fold", min_width=5) for name in ("name", "status", "progress", "jobs")]
    created = [Column("created", no_wrap=True)] if wide else []
    table = Table(Column("id", no_wrap=True, min_width=ID_LENGTH), *others, *created, box=None, pad_edge=False)
    table.caption, table.caption_justify = caption, "left"
    for group in groups:
        name = escape(" ".join(filter(None, (group["name"], group["batchNumber"]))))
        progress = _progress(group) if wide else _percent(group)
        row = (name, _status(group), progress, _counts(group["counts"]), _minute(group["createdAt"]))
        table.add_row(group["id"], *row[: len(table.columns) - 1])
    console.print(table)


def show_one(console: Console, group: Group) -> None:
    """Write all that there is to say of a group, without what is not set."""
    table = Table.grid(Column(style="bold", no_wrap=True), "", padding=(0, 2, 0, 0))
    shown = {**group, "status": _status(group), "counts": _counts(group["counts"]), "percentComplete": _progress(group)}
    for name, value in shown.items():
        if value not in (None, "", [], {}):
            table.add_row(name, value if name in ("status", "counts", "percentComplete") else escape(_text(value)))
    console.print(table)


def _status(group: Group) -> str:
    colour = COLOURS.get(group["status"], "default")
    return f"[{colour}]{group['status']}[/]"


def _progress(group: Group) -> str:
    share = group["percentComplete"] / 100
    full = int(share * _BAR_WIDTH)
    return f"[green]{'━' * full}[/][dim]{'─' * (_BAR_WIDTH - full)}[/] {_percent(group)}"


def _percent(group: Group) -> str:
    return f"{group['percentComplete']:.0f} %"


def _counts(counts: Mapping[str, int]) -> str:
    others = [f"{count} {name}" for name, count in counts.items() if count and name != "total"]
    return f"{counts['total']} ({', '.join(others)})" if others else "0"


def _minute(instant: str) -> str:
    return instant[5:16].replace("T", " ")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
