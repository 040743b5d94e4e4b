"""`python -m benchmarks.scaling`: measure the costs, simulate with them, write the page."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.scaling import __doc__ as explained
from benchmarks.scaling.commands import costs_of_commands
from benchmarks.scaling.drawing import draw
from benchmarks.scaling.events import costs_of_events
from benchmarks.scaling.outlook import hot_groups, shards
from benchmarks.scaling.page import write_page
from benchmarks.stage import stage

COSTS = Path(__file__).parent / "costs.json"


def main(simulate: Annotated[bool, typer.Option("--simulate", help="Measure nothing.")] = False) -> None:
    if not simulate:
        with stage() as servers:
            costs = {
                "cores_count": os.cpu_count(),
                "load_average": round(os.getloadavg()[0], 1),
                "commands": costs_of_commands(servers),
                "events": costs_of_events(servers),
            }
        COSTS.write_text(json.dumps(costs, indent=1) + "\n")
    costs = json.loads(COSTS.read_text())
    by_share, by_count = hot_groups(costs), shards(costs)
    draw(by_share, by_count)
    write_page(costs, by_share, by_count)


main.__doc__ = explained

if __name__ == "__main__":
    typer.run(main)
