"""`jobgroups import`."""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from logs import configure_logging
from workers.exit_codes import ExitCode
from workers.operating.broker_address import broker_address
from workers.operating.failures import Failure, failures_told
from workers.operating.importing.identity import CommandIds, Content
from workers.operating.importing.journal import Checkpoint
from workers.operating.importing.rejected_file import RejectedFile
from workers.operating.importing.report import Report
from workers.operating.importing.run import Import
from workers.operating.importing.session import check_all, early_ends_told, import_all, journal_beside
from workers.operating.importing.source import STANDARD_INPUT, Format, Source, beside, format_of, on_disk, source_in
from workers.operations import AsJson


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON lines; - is standard input.")],
    format_: Annotated[
        Format | None, typer.Option("--format", help="What it is, where its name does not end in .csv or .jsonl.")
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(help="Where rejected rows are kept. Else beside FILE, as NAME.rejected.csv or .jsonl."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and send nothing.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget how far an earlier import came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import job groups and their jobs, from a spreadsheet (CSV) or from JSON lines.

    docs/import.md describes both. A row that is wrong is kept, with the reason, to be mended and imported; the others
    go through. Whatever interrupts an import, start it again: it goes on where it was, by the journal FILE.progress,
    and each row takes effect once.

    Exit status 5: FILE has changed since its import began, or another process imports it. 7: the service does not
    answer; start it again later. 8: some rows were rejected.

        jobgroups import invoices.csv --dry-run
    """
    configure_logging("ERROR")
    kind = format_ or format_of(file)
    kept = rejected or beside(file, kind)
    with failures_told(), early_ends_told(file), on_disk(file) as path:
        content = Content(path)
        source = source_in(path, kind, CommandIds(content.sha256))
        with Report("standard input" if file == STANDARD_INPUT else str(file), content.size_bytes) as report:
            done = _check(source, report) if dry_run else _import(file, content, source, kept, report, restart)
        report.end(done, None if dry_run else kept, as_json=as_json)
    if done.rejected:
        raise typer.Exit(ExitCode.PARTLY_DONE)


def _check(source: Source, report: Report) -> Checkpoint:
    with tempfile.TemporaryDirectory() as folder, RejectedFile(Path(folder) / "rejected", source) as rejected:
        return check_all(Import(source, rejected, report.progress, lambda _: None))


def _import(file: Path, content: Content, source: Source, kept: Path, report: Report, restart: bool) -> Checkpoint:
    """Standard input cannot be read again from a place in it, and has no journal; the ids are the same."""
    servers = broker_address()
    beside_it = nullcontext() if file == STANDARD_INPUT else journal_beside(file, content, servers[0], restart=restart)
    with beside_it as journal:
        before = journal.checkpoint if journal else None
        if before is None and kept.exists():
            raise Failure(f"{kept} is there from another import: import it, or move it away", ExitCode.CONFLICT)
        if before and before.finished:
            report.say("was imported before, and nothing is left to do")
            return before

        def note(checkpoint: Checkpoint) -> None:
            if journal:
                content.require_unchanged()
                journal.write(checkpoint)

        done = before or Checkpoint()
        note(done)  # from here on, what lies at `kept` is this import's
        if done.lines:
            report.say(f"goes on after line {done.lines:,}")
        with RejectedFile(kept, source, done.rejected_bytes) as rejected:
            return import_all(Import(source, rejected, report.progress, note, done), *servers)
