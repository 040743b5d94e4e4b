"""`python -m benchmarks`: measure, and write the page."""

import pkgutil
import signal
import sys
from importlib import import_module
from typing import Annotated

import typer

from benchmarks import __doc__ as explained
from benchmarks import topics
from benchmarks.page import write_page
from benchmarks.table import Table

TOPICS = [module.name for module in pkgutil.iter_modules(topics.__path__)]


def main(
    chosen: Annotated[list[str] | None, typer.Argument(metavar="TOPIC...", help=", ".join(TOPICS))] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contestant runs.")] = 5,
    page: Annotated[bool, typer.Option("--page", help="Measure nothing; write the page.")] = False,
) -> None:
    if unknown := sorted(set(chosen or []) - set(TOPICS)):
        raise typer.BadParameter(f"{', '.join(unknown)}: no such topic; there are {', '.join(TOPICS)}")
    # What it has started would be left running: `timeout`, and whoever else ends a process, says it so.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for topic in [] if page else chosen or TOPICS:
        import_module(f"benchmarks.topics.{topic}").measure(rounds, Table.keep)
    write_page()


main.__doc__ = explained

if __name__ == "__main__":
    typer.run(main)
