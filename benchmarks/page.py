"""docs/performance.md, from what was measured."""

from itertools import groupby
from pathlib import Path
from statistics import median

from benchmarks.table import Table, kept_tables

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

HEAD = """\
# How fast it is

Written by `make bench` (`benchmarks/page.py`); do not edit. Contestants ran in turn, round by round, on the same
servers and the same data, with fsync on. Figures are medians, with the slowest and the fastest round behind them.
Machines differ and so do their figures: what counts is the ratio, ours over the other's. It depends on the number of
cores where one contestant can use more of them than the other.
"""


def write_page() -> None:
    """Write the page."""
    tables = sorted(kept_tables(), key=lambda table: table.topic)
    parts = [HEAD]
    for topic, of_topic in groupby(tables, key=lambda table: table.topic):
        parts += [f"## {topic}", *map(_section, of_topic)]
    PAGE.write_text("\n\n".join(part.strip("\n") for part in parts) + "\n")


def _section(table: Table) -> str:
    more = [*(["ours is better by"] if table.ours else []), *(["required"] if table.required else [])]
    lines = [
        f"### {table.title}\n",
        *([f"{table.said}\n"] if table.said else []),
        *([f"Measured on {table.cores_count} cores.\n"] if table.cores_count else []),
        f"| | {' | '.join([table.unit, 'rounds', *more])} |",
        f"|{'---|' * (3 + len(more))}",
        *[_row(table, name) for name in _by_median(table)],
        *([f"\n![{table.title}]({table.plot})"] if table.plot else []),
    ]
    return "\n".join(lines)


def _by_median(table: Table) -> list[str]:
    return sorted(table.figures, key=lambda name: median(table.figures[name]), reverse=not table.less_is_better)


def _row(table: Table, name: str) -> str:
    figures = table.figures[name]
    is_ours = name == table.ours
    cells = [f"**{name}**" if is_ours else name, _spelled(median(figures))]
    cells.append(f"{_spelled(min(figures))} to {_spelled(max(figures))}")
    if table.ours:
        cells.append("" if is_ours else f"{table.times_better(name):.2f} x")
    if table.required:
        cells.append(_asked(table, name))
    return f"| {' | '.join(cells)} |"


def _asked(table: Table, name: str) -> str:
    if name not in table.required:
        return ""
    least = table.required[name]
    return f"≥ {least:g} x{'' if table.times_better(name) >= least else ', **not reached**'}"


def _spelled(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
