"""The command `jobgroups`."""

import gc
import importlib
import json
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

from client.producer import BrokerUnavailable
from metrics import serve_metrics
from models.store.engine import DatabaseUnavailable
from settings import MissingSetting, Settings, explain
from workers import dead_letters, operations
from workers.engine.command import engine
from workers.engine.reader import OcrNotInstalled
from workers.exit_codes import ExitCode
from workers.keys import keys
from workers.operating import events, groups
from workers.operating.doctor.command import doctor
from workers.operating.importing.command import import_
from workers.operations import AsJson
from workers.supervision.processes import StartError
from workers.supervision.supervisor import Supervisor

app = typer.Typer(
    name="jobgroups",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    epilog="Exit status 0: it did what was asked. docs/command_line.md says what the others mean, and how "
    "programs read answers.",
    help=(
        "Job groups for OCR of invoices: commands in, state in PostgreSQL, domain events out.\n\n"
        "**jobgroups demo** shows it working and ends; **jobgroups run** keeps it up until Ctrl-C. Both "
        "start PostgreSQL and Redis by themselves, unless JOBGROUPS_DATABASE_URL, JOBGROUPS_BROKER_URL and "
        "JOBGROUPS_REDIS_URL name yours; data stays in JOBGROUPS_HOME (`.jobgroups`), HTTP listens on "
        "JOBGROUPS_HOST and JOBGROUPS_PORT (`127.0.0.1`, `8080`).\n\n"
        "In production each process runs on its own, any number of each: see **One process each**."
    ),
)
TOGETHER = "Everything at once"
GROUPS = "Job groups"
PROCESSES = "One process each"
DATABASE = "Database"
ANSWERS = "Answers"

SETTINGS_PREFIXES = {"Settings": "JOBGROUPS_", "ApiSettings": "JOBGROUPS_", "EngineSettings": "JOBGROUPS_ENGINE_"}

console = Console()


@app.command(rich_help_panel=TOGETHER)
def run() -> None:
    """Start everything and keep it running until Ctrl-C.

    While it runs, JOBGROUPS_HOME/env holds its addresses and a key: `set -a; . .jobgroups/env; set +a`.

        jobgroups run
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
    """Start everything, walk one job group through it for the eye, and stop.

    jobgroups demo
    """
    _interrupt_on(signal.SIGTERM, signal.SIGHUP)
    importlib.import_module("workers.demo.walk").run()


@app.command(rich_help_panel=PROCESSES)
def worker() -> None:
    """Handle commands: Celery tasks that apply them to PostgreSQL.

    JOBGROUPS_WORKER_CONCURRENCY=4 jobgroups worker
    """
    _run_process("worker")


@app.command(rich_help_panel=PROCESSES)
def relay() -> None:
    """Publish domain events in order. One leads; others stand by to take over.

    jobgroups relay
    """
    _run_process("relay")


@app.command(rich_help_panel=PROCESSES)
def intake() -> None:
    """Read plain JSON commands, from producers in any language, and pass them to the worker.

    jobgroups intake
    """
    _run_process("intake")


@app.command(rich_help_panel=PROCESSES)
def housekeeping() -> None:
    """Do what is due: retries, leases, expiry, retention.

    jobgroups housekeeping
    """
    _run_process("housekeeping")


@app.command(rich_help_panel=PROCESSES)
def notifier() -> None:
    """Send events to the webhooks and people that groups name in `notifications`.

    jobgroups notifier
    """
    _run_process("notifier")


@app.command(rich_help_panel=PROCESSES)
def api() -> None:
    """Serve HTTP on JOBGROUPS_HOST and JOBGROUPS_PORT, to the keys of `jobgroups keys` and JOBGROUPS_API_KEYS.

    JOBGROUPS_PORT=8081 jobgroups api
    """
    os.execv(sys.executable, [sys.executable, "-m", "api_stub"])  # noqa: S606 - our own module, no shell


@app.command(rich_help_panel=DATABASE)
def migrate(as_json: AsJson = False) -> None:
    """Bring the schema at JOBGROUPS_DATABASE_URL up to date. Safe to repeat, and while the service runs.

    jobgroups migrate
    """
    migrations = importlib.import_module("models.store.migrations")
    migrations.upgrade(Settings().require("database_url"))
    newest = migrations.revisions()[0]
    if as_json:
        typer.echo(json.dumps({"revision": newest}))
    else:
        console.print(f"The schema is at {newest}.")


for command in (groups.create, groups.get, groups.update, groups.delete):
    app.command(rich_help_panel=GROUPS)(command)
app.command("list", rich_help_panel=GROUPS)(groups.list_)
app.command("import", rich_help_panel=GROUPS)(import_)
app.command(rich_help_panel=PROCESSES)(engine)
app.add_typer(keys, rich_help_panel=DATABASE)
app.command(rich_help_panel=ANSWERS)(operations.explain)
app.command(rich_help_panel=ANSWERS)(operations.reconcile)
app.command(rich_help_panel=ANSWERS)(doctor)
app.add_typer(events.app, rich_help_panel=ANSWERS)
app.add_typer(dead_letters.app, rich_help_panel=ANSWERS)


def main() -> None:
    """Run the command line; what a user can put right is one sentence, never a traceback."""
    try:
        app(prog_name="jobgroups")  # as it is called, also where it was started as a module
    except (MissingSetting, StartError, OcrNotInstalled) as error:
        _refuse(str(error))
    except DatabaseUnavailable as error:
        _refuse(f"the database does not answer: {error.orig}", ExitCode.UNREACHABLE)
    except BrokerUnavailable as error:
        _refuse(f"{error}. The same again is safe.", ExitCode.UNREACHABLE)
    except ValidationError as error:
        if error.title not in SETTINGS_PREFIXES:
            raise
        _refuse(explain(error, SETTINGS_PREFIXES[error.title]))


def _run_process(name: str) -> None:
    process: Callable[[Settings], None] = importlib.import_module(f"workers.{name}").run
    settings = Settings()
    serve_metrics(settings)
    # What is there by now stays. A walk through all of it at each full garbage collection took a relay with a backlog
    # a tenth of its time.
    gc.collect()
    gc.freeze()
    process(settings)


def _interrupt_on(*signals: signal.Signals) -> None:
    # A shell starts background jobs with SIGINT ignored; here every way to say "stop" means the same.
    for number in signals:
        signal.signal(number, signal.default_int_handler)


def _announce(service: Supervisor) -> None:
    environment = service.settings.home / "env"
    console.print(f"[bold green]Ready[/] at [bold]{service.url}[/] [dim](documentation: {service.url}/docs)[/]")
    console.print(f"  API key   {escape(service.api_key)}", soft_wrap=True)
    console.print(f"  In a shell  set -a; . {escape(str(environment))}; set +a", soft_wrap=True)
    if service.metrics_url:
        console.print(f"  Metrics   {service.metrics_url}", soft_wrap=True)
    console.print("[dim]Ctrl-C stops everything; the data stays.[/]")


def _refuse(problem: str, status: ExitCode = ExitCode.USAGE) -> NoReturn:
    Console(stderr=True).print(f"[bold red]jobgroups:[/] {escape(problem)}", soft_wrap=True, highlight=False)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
