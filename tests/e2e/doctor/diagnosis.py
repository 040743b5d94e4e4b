"""What the doctor says."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from typer.testing import CliRunner

from tests.command_line import jobgroups_process
from workers.command_line import app

FINE, WARNING, FAULT, NOT_CHECKED = "fine", "warning", "fault", "not_checked"


class Diagnosis:
    """One run of `jobgroups doctor --json`."""

    def __init__(self, before: Sequence[str] = (), **variables: str) -> None:
        self.exit_status, self.text = _in_a_process(before, variables) if before else _in_this_process(variables)
        assert self.text.count("\n") == 1
        told = json.loads(self.text)
        assert (self.exit_status, told["healthy"]) in [(0, True), (9, False)]
        self._checks: dict[str, dict[str, Any]] = {check["check"]: check for check in told["checks"]}

    @property
    def names(self) -> list[str]:
        """The lines, in their order."""
        return list(self._checks)

    def verdicts(self, *checks: str) -> list[str]:
        """Return the verdicts of these checks."""
        return [self._checks[check]["verdict"] for check in checks]

    def those_found(self, verdict: str) -> set[str]:
        """Return the checks of this verdict."""
        return {name for name, check in self._checks.items() if check["verdict"] == verdict}

    def text_of(self, check: str) -> str:
        """Return what is said of one check, and how to mend it."""
        told = self._checks[check]
        return f"{told['sentence']} {told['mend'] or ''}"


def variables_of(service: Any, **more: str) -> dict[str, str]:
    """Return the settings under which a client reaches `service`, as its file says them."""
    lines = (service.settings.home / "env").read_text().splitlines()
    pairs = (line.removeprefix("JOBGROUPS_").split("=", 1) for line in lines)
    return {name.lower(): value.strip("'") for name, value in pairs} | {"home": os.fspath(service.settings.home)} | more


def _in_a_process(before: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
    run = jobgroups_process("doctor", "--json", before=before, **variables)
    return run.returncode, run.stdout


def _in_this_process(variables: Mapping[str, str]) -> tuple[int, str]:
    """To start another for each test would take most of their time."""
    environment = {f"JOBGROUPS_{name.upper()}": value for name, value in variables.items()}
    run = CliRunner().invoke(app, ["doctor", "--json"], env=environment, catch_exceptions=False)
    return run.exit_code, run.stdout
