"""What whoever keeps the service running asks it on the command line."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from models.counts import CountsResource
from models.lifecycle import Counts
from models.resources import Explanation
from models.store.engine import make_async_engine, make_engine
from models.store.explanations import explain_group, explain_job
from models.store.reconciling import Drift, find_drift, repair
from settings import Settings
from workers.exit_codes import ExitCode

RECONCILE_TIMEOUT_SECONDS = 3600
"""It reads every job there is."""

console = Console()

GroupArgument = Annotated[UUID, typer.Argument(metavar="GROUP", help="The group's id.")]
JobArgument = Annotated[UUID | None, typer.Argument(metavar="[JOB]", help="The id of one of its jobs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document, for programs.")]


def explain(group: GroupArgument, job: JobArgument = None, as_json: AsJson = False) -> None:
    """Say in words why a group is in its status, or why one of its jobs waits.

    Exit status 3: there is no such group or job.

        jobgroups explain 0186071a-5d40-7000-8000-000000000001
    """
    explanation = asyncio.run(_explain(Settings().require("database_url"), group, job))
    if explanation is None:
        Console(stderr=True).print(f"There is no {'job group' if job is None else 'such job in job group'} {group}.")
        raise typer.Exit(ExitCode.NOT_FOUND)
    if as_json:
        typer.echo(explanation.model_dump_json())
        return
    console.print(f"[bold]{explanation.status}[/]")
    for reason in explanation.reasons:
        console.print(f"  {reason}", soft_wrap=True)


def reconcile(
    mend: Annotated[bool, typer.Option("--repair", help="Give the groups the counts of their jobs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the counts of every group with its jobs; they cannot differ, and this proves it.

    Exit status 4: some differ (and were mended, with --repair).

        jobgroups reconcile --repair
    """
    database_url = Settings().require("database_url")
    engine = make_engine(database_url, statement_timeout_seconds=RECONCILE_TIMEOUT_SECONDS)
    try:
        with engine.begin() as connection:
            drift = find_drift(connection)
            if mend:
                repair(connection, [each.group_id for each in drift])
    finally:
        engine.dispose()
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in drift]))
    else:
        _show(drift, mended=mend)
    if drift:
        raise typer.Exit(ExitCode.DRIFT)


async def _explain(database_url: str, group_id: UUID, job_id: UUID | None) -> Explanation | None:
    engine = make_async_engine(database_url)
    try:
        async with engine.connect() as connection:
            if job_id is None:
                return await explain_group(connection, group_id)
            return await explain_job(connection, group_id, job_id)
    finally:
        await engine.dispose()


def _show(drift: list[Drift], *, mended: bool) -> None:
    if not drift:
        console.print("[green]The counts of every group are those of its jobs.[/]")
        return
    table = Table("group", "stored", "its jobs", title="mended" if mended else "not mended: --repair does")
    for each in drift:
        table.add_row(str(each.group_id), _counts(each.stored), _counts(each.actual))
    console.print(table)


def _as_json(drift: Drift) -> dict[str, Any]:
    stored, actual = (CountsResource.of(counts).model_dump() for counts in (drift.stored, drift.actual))
    return {"groupId": str(drift.group_id), "stored": stored, "actual": actual}


def _counts(counts: Counts) -> str:
    return ", ".join(f"{bucket} {count}" for bucket, count in asdict(counts).items() if count) or "none"
