"""The command `jobgroups`."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from models.store.engine import DatabaseUnavailable
from settings import MissingSetting, Settings, explain
from workers import dead_letters, operations
from workers.engine.command import engine
from workers.engine.reader import OcrNotInstalled
from workers.keys import keys
from workers.supervision.processes import StartError
from workers.supervision.supervisor import Supervisor

EXIT_STATUS_NOT_STARTED = 2

app = typer.Typer(
    name="jobgroups",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    help=(
        "Job groups for OCR of invoices: commands in, state in PostgreSQL, domain events out.\n\n"
        "[bold]jobgroups demo[/] shows it working and ends; [bold]jobgroups run[/] keeps it up until Ctrl-C. Both "
        "start PostgreSQL and Redis by themselves, unless JOBGROUPS_DATABASE_URL, JOBGROUPS_BROKER_URL and "
        "JOBGROUPS_REDIS_URL name yours; data stays in JOBGROUPS_HOME ([dim].jobgroups[/]), HTTP listens on "
        "JOBGROUPS_HOST and JOBGROUPS_PORT ([dim]127.0.0.1[/], [dim]8080[/]).\n\n"
        "In production each process runs on its own, any number of each: see [bold]One process each[/]."
    ),
)
TOGETHER = "Everything at once"
PROCESSES = "One process each"
DATABASE = "Database"
ANSWERS = "Answers"

SETTINGS_PREFIXES = {"Settings": "JOBGROUPS_", "EngineSettings": "JOBGROUPS_ENGINE_"}

console = Console()


@app.command(rich_help_panel=TOGETHER)
def run() -> None:
    """Start everything and keep it running until Ctrl-C.

    While it runs, JOBGROUPS_HOME/env holds its addresses and a key: `set -a; . .jobgroups/env; set +a`.
    """
    _interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with suppress(KeyboardInterrupt), ExitStack() as service_lifetime:
        with console.status("Starting PostgreSQL, Redis and the processes of the service …"):
            service = service_lifetime.enter_context(Supervisor(Settings()))
        _announce(service)
        threading.Event().wait()
    console.print("[dim]Stopped.[/]")


@app.command(rich_help_panel=TOGETHER)
def demo() -> None:
    """Start everything, walk one job group through it for the eye, and stop."""
    _interrupt_on(signal.SIGTERM, signal.SIGHUP)
    importlib.import_module("workers.demo.walk").run()


@app.command(rich_help_panel=PROCESSES)
def worker() -> None:
    """Handle commands: Celery tasks that apply them to PostgreSQL."""
    _run_process("worker")


@app.command(rich_help_panel=PROCESSES)
def relay() -> None:
    """Publish domain events in order. One leads; others stand by to take over."""
    _run_process("relay")


@app.command(rich_help_panel=PROCESSES)
def intake() -> None:
    """Read plain JSON commands, from producers in any language, and pass them to the worker."""
    _run_process("intake")


@app.command(rich_help_panel=PROCESSES)
def housekeeping() -> None:
    """Do what is due: retries, leases, expiry, retention."""
    _run_process("housekeeping")


@app.command(rich_help_panel=PROCESSES)
def notifier() -> None:
    """Send events to the webhooks and people that groups name in `notifications`."""
    _run_process("notifier")


@app.command(rich_help_panel=PROCESSES)
def api() -> None:
    """Serve HTTP on JOBGROUPS_HOST and JOBGROUPS_PORT, to the keys of `jobgroups keys` and JOBGROUPS_API_KEYS."""
    os.execv(sys.executable, [sys.executable, "-m", "api_stub"])  # noqa: S606 - our own module, no shell


@app.command(rich_help_panel=DATABASE)
def migrate() -> None:
    """Bring the schema at JOBGROUPS_DATABASE_URL up to date. Safe to repeat."""
    url = Settings().require("database_url")
    importlib.import_module("models.store.migrations").upgrade(url)


app.command(rich_help_panel=PROCESSES)(engine)
app.add_typer(keys, rich_help_panel=DATABASE)
app.command(rich_help_panel=ANSWERS)(operations.explain)
app.command(rich_help_panel=ANSWERS)(operations.reconcile)
app.add_typer(dead_letters.app, rich_help_panel=ANSWERS)


def main() -> None:
    """Run the command line; what a user can put right is one sentence, never a traceback."""
    try:
        app()
    except (MissingSetting, StartError, OcrNotInstalled) as error:
        _refuse(str(error))
    except DatabaseUnavailable as error:
        _refuse(f"the database does not answer: {error.orig}")
    except ValidationError as error:
        if error.title not in SETTINGS_PREFIXES:
            raise
        _refuse(explain(error, SETTINGS_PREFIXES[error.title]))


def _run_process(name: str) -> None:
    process: Callable[[Settings], None] = importlib.import_module(f"workers.{name}").run
    process(Settings())


def _interrupt_on(*signals: signal.Signals) -> None:
    # A shell starts background jobs with SIGINT ignored; here every way to say "stop" means the same.
    for number in signals:
        signal.signal(number, signal.default_int_handler)


def _announce(service: Supervisor) -> None:
    environment = service.settings.home / "env"
    console.print(f"[bold green]Ready[/] at [bold]{service.url}[/] [dim](documentation: {service.url}/docs)[/]")
    console.print(f"  API key   {escape(service.api_key)}", soft_wrap=True)
    console.print(f"  In a shell  set -a; . {escape(str(environment))}; set +a", soft_wrap=True)
    console.print("[dim]Ctrl-C stops everything; the data stays.[/]")


def _refuse(problem: str) -> NoReturn:
    Console(stderr=True).print(f"[bold red]jobgroups:[/] {escape(problem)}", soft_wrap=True, highlight=False)
    raise SystemExit(EXIT_STATUS_NOT_STARTED)


if __name__ == "__main__":
    main()
