"""The command `jobgroups`, as somebody types it."""

from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from settings import Settings
from workers.command_line import app


def jobgroups(settings: Settings, *arguments: str, typed: str | None = None, **changed: str) -> Result:
    """Run it on the servers that `settings` name, but for those `changed`, and `typed` into it."""
    addresses: dict[str, Any] = {"database_url": settings.database_url, "broker_url": settings.broker_url} | changed
    environment = {f"JOBGROUPS_{name.upper()}": url for name, url in addresses.items()}
    return CliRunner().invoke(app, arguments, env=environment | {"COLUMNS": "250"}, input=typed)
