"""docs/scaling.png, and the same as text."""

from collections.abc import Mapping
from pathlib import Path
from statistics import quantiles
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from benchmarks.scaling.simulation import SIMULATED_SECONDS, Shard, simulate

PICTURE = Path(__file__).parents[2] / "docs" / "scaling.png"
UTILISATIONS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
HOT_SHARES = {0.0: "no hot group", 0.1: "10 % on one group", 0.3: "30 % on one group"}
COMMANDS_PER_SECOND = 10_000
SHARD_COUNTS = [1, 2, 3, 4, 6, 8]
EVENTS_PER_COMMAND = (1.0, 2.0)

_console = Console()


def draw(costs: Mapping[str, Any]) -> None:
    """Simulate, print the figures and draw the picture."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    _draw_hot_groups(left, costs)
    _draw_shards(right, costs)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)


def _shard(costs: Mapping[str, Any], events_per_command: float = 1.0) -> Shard:
    return Shard(
        message_seconds=[each / 1000 for each in costs["commands"]["created group"]["message_ms"]],
        event_seconds=1 / costs["events"]["quorum queue on rabbitmq"]["events_per_second"],
        events_per_command=events_per_command,
    )


def _draw_hot_groups(axes: Any, costs: Mapping[str, Any]) -> None:
    shard = _shard(costs)
    table = Table("utilisation", *(f"{name}, {part}" for name in HOT_SHARES.values() for part in ("p50", "p99")))
    found = {
        share: [_percentiles_ms(simulate(shard, load * shard.capacity, share).commit) for load in UTILISATIONS]
        for share in HOT_SHARES
    }
    for row, load in enumerate(UTILISATIONS):
        table.add_row(f"{load:.0%}", *(f"{value:,.0f} ms" for share in HOT_SHARES for value in found[share][row]))
    _console.print(f"one shard, {shard.children} children: {shard.capacity:,.0f} commands/s", table)
    for share, name in HOT_SHARES.items():
        (line,) = axes.plot(UTILISATIONS, [p50 for p50, _ in found[share]], label=f"{name}, p50")
        axes.plot(UTILISATIONS, [p99 for _, p99 in found[share]], "--", color=line.get_color(), label=f"{name}, p99")
    axes.set(
        title=f"One shard, {shard.children} children",
        xlabel="utilisation",
        ylabel="arrival to commit, ms",
        yscale="log",
    )
    axes.legend(fontsize=8)


def _draw_shards(axes: Any, costs: Mapping[str, Any]) -> None:
    table = Table(
        "shards", *(f"{each:g} events a command, {part}" for each in EVENTS_PER_COMMAND for part in ("p50", "p99"))
    )
    rows: dict[int, list[str]] = {count: [] for count in SHARD_COUNTS}
    for each in EVENTS_PER_COMMAND:
        shard = _shard(costs, each)
        found = {n: _percentiles_ms(simulate(shard, COMMANDS_PER_SECOND / n).event) for n in SHARD_COUNTS}
        for count, values in found.items():
            rows[count] += [f"{value:,.0f} ms" for value in values]
        (line,) = axes.plot(
            SHARD_COUNTS, [p50 for p50, _ in found.values()], "o-", label=f"{each:g} events a command, p50"
        )
        axes.plot(
            SHARD_COUNTS, [p99 for _, p99 in found.values()], "o--", color=line.get_color(), label=f"{each:g}, p99"
        )
    for count, cells in rows.items():
        table.add_row(str(count), *cells)
    _console.print(f"{COMMANDS_PER_SECOND:,} commands/s, after {SIMULATED_SECONDS:g} s", table)
    axes.set(
        title=f"{COMMANDS_PER_SECOND:,} commands/s, one relay a shard",
        xlabel="shards",
        ylabel="commit to confirmed event, ms",
        yscale="log",
    )
    axes.legend(fontsize=8)


def _percentiles_ms(seconds: list[float]) -> tuple[float, float]:
    hundredths = quantiles(seconds, n=100)
    return hundredths[49] * 1000, hundredths[98] * 1000
