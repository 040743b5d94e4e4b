"""What an import tells whoever watches it, and in the end."""

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from workers.operating.importing.applying import Result
from workers.operating.importing.journal import Checkpoint

MAX_TOLD_COUNT = 20
"""Rejected rows that are told one by one; all of them are in the file that keeps them."""

remarks = Console(stderr=True)


class Report:
    """The import of `name`, on standard error, with a bar where that is a terminal. A context manager."""

    def __init__(self, name: str, size_bytes: int) -> None:
        self._name = name
        self._told_count = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[lines]:,} lines, {task.fields[rejected]:,} rejected"),
            TimeRemainingColumn(),
            console=remarks,
            disable=not remarks.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(name, total=size_bytes, lines=0, rejected=0)

    def __enter__(self) -> "Report":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def progress(self, done: Checkpoint, became: Result) -> None:
        """Show how far the import is, and tell of the rows that did not go through."""
        for row, reason, _ in became.rejected:
            self._told_count += 1
            if self._told_count <= MAX_TOLD_COUNT:
                self.say(f"line {row.line}: {reason}")
            elif self._told_count == MAX_TOLD_COUNT + 1:
                self.say("and more are rejected")
        self._bar.update(self._task, completed=done.bytes, lines=done.lines, rejected=done.rejected)

    def say(self, sentence: str) -> None:
        """Write a sentence, above the bar."""
        remarks.print(f"{self._name}: {sentence}", soft_wrap=True, markup=False, highlight=False)

    def end(self, done: Checkpoint, rejected: Path | None, *, as_json: bool) -> None:
        """Write what it came to, to standard output. `rejected`: where rejected rows are kept; None: nothing was
        sent."""
        kept = str(rejected) if rejected and done.rejected else None
        if as_json:
            told = {
                "file": self._name,
                "dryRun": rejected is None,
                "lines": done.lines,
                "groups": done.groups,
                "jobs": done.jobs,
                "rejected": done.rejected,
                "rejectedFile": kept,
                "groupsLeftOpen": done.left_open,
            }
            typer.echo(json.dumps(told))
            return
        did = "would make" if rejected is None else "made"
        made = f"{_counted(done.groups, 'group')} and {_counted(done.jobs, 'job')}"
        typer.echo(f"{self._name}: {_counted(done.lines, 'line')} {did} {made}.")
        if done.rejected:
            where = f", kept in {kept} with the reasons: mend them there and import that file" if kept else ""
            typer.echo(f"{_counted(done.rejected, 'row')} rejected{where}.")
        if done.left_open:
            typer.echo(f"Not sealed, since rows of theirs were rejected: {_counted(done.left_open, 'group')}.")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
