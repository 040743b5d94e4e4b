"""docs/scaling.png."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.scaling.outlook import COMMANDS_PER_SECOND, HotGroups, Percentiles, Shards

PICTURE = Path(__file__).parents[2] / "docs" / "scaling.png"


def draw(hot_groups: HotGroups, shards: Shards) -> None:
    """Draw both simulations side by side."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    for name, by_utilisation in hot_groups.items():
        _lines(left, name, by_utilisation)
    left.set(title="One shard", xlabel="utilisation", ylabel="arrival to commit, ms")
    for each, by_count in shards.items():
        _lines(right, f"{each:g} event{'s' if each > 1 else ''} a command", by_count)
    right.set(
        title=f"{COMMANDS_PER_SECOND:,} commands/s, one relay a shard",
        xlabel="shards",
        ylabel="commit to confirmed event, ms",
    )
    for axes in (left, right):
        axes.set_yscale("log")
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)


def _lines(axes: Any, name: str, points: Mapping[float, Percentiles] | Mapping[int, Percentiles]) -> None:
    """The median as a line, p99 dashed in the same colour."""
    (line,) = axes.plot(list(points), [p50 for p50, _ in points.values()], "o-", markersize=3, label=f"{name}, p50")
    dashed = {"color": line.get_color(), "markersize": 3, "label": f"{name}, p99"}
    axes.plot(list(points), [p99 for _, p99 in points.values()], "o--", **dashed)
