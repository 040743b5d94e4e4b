"""The curves of growth: what each operation costs, over the number of groups."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

Figures = Mapping[str, list[float]]
"""Of one operation: a list for each size, the smallest first."""


def plot_growth(operations: Mapping[str, Figures], sizes: Sequence[int], picture: Path) -> None:
    """Draw the median of each operation at each of `sizes` into the file `picture`."""
    figure, axes = plt.subplots(figsize=(10, 6.5), layout="constrained")
    styles = ["-", "--", ":"]
    for number, (title, figures) in enumerate(operations.items()):
        middles = [median(rounds) for rounds in figures.values()]
        axes.plot(sizes, middles, styles[number // 10], marker="o", markersize=4, label=title)
    axes.set(xscale="log", xlabel="groups", ylabel="median over HTTP, ms", title="What it costs as the tables grow")
    axes.set_ylim(bottom=0)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    figure.savefig(picture, dpi=130)
    plt.close(figure)
