"""`jobgroups` as somebody types it who works with the service."""

import subprocess
import sys
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from tests.contract.http_api import Service, environment_of
from workers.command_line import app

JOBGROUPS = (sys.executable, "-m", "workers.command_line")


def operator_of(service: Service) -> dict[str, str]:
    """Return the environment in which the command reaches `service`."""
    environment = environment_of(service)
    return environment | {"JOBGROUPS_URL": service.url, "JOBGROUPS_API_KEY": service.api_key, "COLUMNS": "250"}


def run(
    environment: dict[str, str], *arguments: str | Path, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, as a process of its own."""
    return subprocess.run(
        [*JOBGROUPS, *map(str, arguments)], env=environment, input=typed, capture_output=True, text=True, timeout=90
    )


def invoke(environment: dict[str, str], *arguments: str | Path, typed: str | bytes | None = None) -> Result:
    """Run the command in this process: starting another takes a second."""
    return CliRunner().invoke(app, [*map(str, arguments)], env=environment, input=typed)
