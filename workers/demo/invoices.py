"""The part of the demo in which real invoices are read: a batch of PDFs and scans, an engine, a progress bar."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from client.broker import connect
from settings import Settings
from workers.demo.stage import GROUPS, Events, console, next_event, say
from workers.engine.engine import ENGINE_QUEUE
from workers.supervision import environment
from workers.supervision.processes import ChildProcess, ProcessSpec

SAMPLES = Path(__file__).parents[2] / "tests" / "invoices"
SUFFIXES = (".pdf", ".png", ".jpg")
READING_TIMEOUT_SECONDS = 120
THROUGH = ("job.succeeded", "job.needs_review", "job.failed")
LAST = ("job_group.awaiting_review", "job_group.completed")
COLOURS = {"succeeded": "green", "needs_review": "yellow", "failed": "red"}
BATCH = {
    "name": "Scans of January",
    "template": "standard-invoice",
    "priority": "urgent",
    "processingSettings": {"maxConcurrency": 4, "maxAttempts": 2, "retryBackoff": {"initialSeconds": 1}},
}


def read_invoices(settings: Settings, http: httpx.Client, events: Events) -> None:
    """Send the sample invoices as one batch, have them read, and show what they say."""
    files = sorted(file for file in SAMPLES.glob("*") if file.suffix in SUFFIXES)
    if not files:
        console.print("[dim]The sample invoices are part of the source checkout, which this is not: left out.[/]")
        return
    say(f"A batch of {len(files)} real invoices, PDFs and scans; an engine subscribes to job.dispatched and reads them")
    with _engine(settings):
        group_id = http.post(GROUPS, json=BATCH).raise_for_status().json()["data"]["id"]
        jobs = [{"externalId": file.name, "document": {"uri": file.as_uri(), "filename": file.name}} for file in files]
        http.post(f"{GROUPS}/{group_id}/jobs", json={"jobs": jobs}).raise_for_status()
        _follow(events, len(files))
    _show(http, group_id)


@contextmanager
def _engine(settings: Settings) -> Iterator[None]:
    spec = ProcessSpec(
        name="engine",
        arguments=(sys.executable, "-m", "workers.command_line", "engine"),
        log=settings.home / "logs" / "engine.log",
        environment=os.environ | environment.of_process(settings) | {"JOBGROUPS_ENGINE_DOCUMENTS_ROOT": str(SAMPLES)},
    )
    # An event that no queue is bound for goes nowhere: the queue must be there before the first job is dispatched.
    with connect(settings.require("broker_url")) as connection:
        ENGINE_QUEUE(connection).declare()
    engine = ChildProcess(spec)
    try:
        yield
    finally:
        engine.stop()


def _follow(events: Events, count: int) -> None:
    """Draw the progress as the events tell it."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        reading = progress.add_task("reading", total=count)
        name = ""
        while name not in LAST:
            event = next_event(events, READING_TIMEOUT_SECONDS)
            name = event["type"].removeprefix("ocr_invoice.").removesuffix(".v1")
            if name in (*THROUGH, "job.retry_scheduled"):
                progress.console.print(f"    [cyan]⟵ {name}[/] {event['data']['externalId']}")
            if name in THROUGH:
                progress.advance(reading)


def _show(http: httpx.Client, group_id: str) -> None:
    query: dict[str, Any] = {"sort": "number", "order": "asc"}
    jobs = http.get(f"{GROUPS}/{group_id}/jobs", params=query).raise_for_status().json()["data"]
    group = http.get(f"{GROUPS}/{group_id}").raise_for_status().json()["data"]
    console.print(f"  The group is [bold]{group['status']}[/]; what its invoices say:")
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in ("document", "status", "invoice", "date", "total", "sure"):
        table.add_column(column, no_wrap=True)
    for job in jobs:
        table.add_row(*_row(job))
    console.print(table)
    explained = http.get(f"{GROUPS}/{group_id}/explain").raise_for_status().json()["data"]
    console.print(f"  {' '.join(explained['reasons'])}")


def _row(job: dict[str, Any]) -> list[str]:
    read = job["result"] or {}
    total = f"{read.get('total') or ''} {read.get('currency') or ''}".strip()
    confidence = "" if job["confidence"] is None else f"{job['confidence']:.2f}"
    said = [read.get("invoiceNumber") or "", read.get("invoiceDate") or "", total]
    if job["error"] and job["status"] == "failed":
        said = [f"after {job['attempts']} attempts", "", ""]
    coloured = f"[{COLOURS.get(job['status'], 'white')}]{job['status']}[/]"
    return [job["externalId"], coloured, *said, confidence]
