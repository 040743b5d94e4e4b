"""The command `jobgroups`, as somebody types it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

from settings import Settings
from workers.command_line import app


def every_command(group: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command, by the words that call it."""
    for name, each in (group or get_command(app)).commands.items():
        if hasattr(each, "commands"):
            yield from every_command(each, (*words, name))
        else:
            yield (*words, name), each


def jobgroups(settings: Settings, *arguments: str, typed: str | None = None, **changed: str) -> Result:
    """Run it on the servers that `settings` name, but for those `changed`, and `typed` into it."""
    addresses: dict[str, Any] = {"database_url": settings.database_url, "broker_url": settings.broker_url} | changed
    environment = {f"JOBGROUPS_{name.upper()}": url for name, url in addresses.items() if url}
    return CliRunner().invoke(app, arguments, env=environment | {"COLUMNS": "250"}, input=typed)


def jobgroups_process(
    *arguments: str, before: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it as a process of its own, with these JOBGROUPS_ variables and no others, at the end of the command
    `before`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JOBGROUPS_")}
    environment = inherited | {f"JOBGROUPS_{name.upper()}": value for name, value in variables.items()}
    command = [*before, sys.executable, "-m", "workers.command_line", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
