"""`jobgroups doctor`."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from settings import explain
from workers.engine.engine_settings import EngineSettings
from workers.exit_codes import ExitCode
from workers.operating.doctor.circumstances import look_around
from workers.operating.doctor.examination import Result, examine, is_healthy
from workers.operating.doctor.finding import Verdict, fault
from workers.operations import AsJson

MARKS = {
    Verdict.FINE: "[green]✓[/]",
    Verdict.WARNING: "[yellow]![/]",
    Verdict.FAULT: "[bold red]✗[/]",
    Verdict.NOT_CHECKED: "[dim]?[/]",
}

console = Console()


def doctor(as_json: AsJson = False) -> None:
    """Look at every dependency and setting, and say how to mend what is wrong.

    It goes by the JOBGROUPS_ variables, and where they name no server by the service that runs in JOBGROUPS_HOME. It
    changes nothing, and takes a quarter of a minute at most. docs/command_line.md says what each line looks at.

    Exit status 9: something must be mended (✗). What deserves a look (!) leaves it at 0.

        jobgroups doctor

        jobgroups doctor --json | jq '.checks[] | select(.verdict == "fault")'
    """
    results = _results()
    if as_json:
        checks = [{"check": result.check, **asdict(result.finding)} for result in results]
        typer.echo(json.dumps({"healthy": is_healthy(results), "checks": checks}))
    else:
        _show(results)
    if not is_healthy(results):
        raise typer.Exit(ExitCode.UNHEALTHY)


def _results() -> list[Result]:
    # Migrations, drivers and all: a quarter of a second that every other command, and every Tab, would take longer.
    from workers.operating.doctor.areas import areas_for

    try:
        circumstances = look_around(os.environ)
    except ValidationError as error:
        prefix = "JOBGROUPS_ENGINE_" if error.title == EngineSettings.__name__ else "JOBGROUPS_"
        unreadable = fault(f"{explain(error, prefix)}.", "Correct it; before, nothing else can be looked at.")
        return [Result("settings", unreadable)]
    with Console(stderr=True).status("Looking at settings, servers and processes …"):
        return examine(areas_for(circumstances), circumstances)


def _show(results: Sequence[Result]) -> None:
    table = Table.grid(Column(), Column(no_wrap=True), Column(overflow="fold"), padding=(0, 1))
    for result in results:
        finding = result.finding
        mend = f"\n[bold]{escape(finding.mend)}[/]" if finding.mend else ""
        table.add_row(MARKS[finding.verdict], escape(result.check), escape(finding.sentence) + mend)
    console.print(table)
    faults, warnings = (sum(r.finding.verdict is v for r in results) for v in (Verdict.FAULT, Verdict.WARNING))
    console.print(f"\n{faults} to mend, {warnings} to look at." if faults or warnings else "\n[green]All is well.[/]")
