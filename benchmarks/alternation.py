"""Contestants in turn: what disturbs one run disturbs them all."""

from collections.abc import Callable, Mapping

from rich.console import Console

Contestants = Mapping[str, Callable[[], float]]
"""By name, what runs a contestant once and returns its figure."""

_console = Console()


def alternate(contestants: Contestants, rounds: int, unit: str) -> dict[str, list[float]]:
    """Run every contestant once per round, the order turning by one each time; return the figures of each."""
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for number in range(rounds):
        for name in order:
            figure = contestants[name]()
            figures[name].append(round(figure, 3))
            _console.print(f"round {number + 1}  {name:48} {figure:12,.1f} {unit}", highlight=False, soft_wrap=True)
        order = order[1:] + order[:1]
    return figures
