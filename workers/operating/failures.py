"""How a command ends that could not do what it was asked: a sentence on standard error, and an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from workers.exit_codes import ExitCode

remarks = Console(stderr=True)


class Failure(Exception):  # noqa: N818 - most often it is the service's answer
    """The message says to people what happened and what to do; `fields` are a line for each field that is wrong."""

    def __init__(self, message: str, exit_code: ExitCode, *fields: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.fields = fields


@contextmanager
def failures_told() -> Iterator[None]:
    """End the command where a Failure comes out of this."""
    try:
        yield
    except Failure as failure:
        remarks.print(f"[bold red]jobgroups:[/] {escape(str(failure))}", soft_wrap=True, highlight=False)
        for field in failure.fields:
            remarks.print(f"  {field}", soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(failure.exit_code) from None
