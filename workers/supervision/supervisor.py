"""Everything at once: what servers are missing, the schema, the processes of the service, and their end."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from settings import Settings
from workers.supervision import (
    embedded_postgres,
    embedded_redis,
    environment,
    home,
    listening_port,
    metrics_endpoint,
)
from workers.supervision.guardian import Guardian
from workers.supervision.processes import ChildProcess, ProcessSpec, StartError

GRACE_SECONDS = {"worker": 20.0}
"""A worker finishes the task in its hands; one that takes longer is redelivered."""
START_ORDER = ("housekeeping", "relay", "notifier", "worker", "intake", "api")
"""They end in the opposite order: no new work first, then what is left is done and published."""
MIGRATION_TIMEOUT_SECONDS = 120.0
READY_TIMEOUT_SECONDS = 60.0
WATCH_SECONDS = 0.2


class Supervisor:
    """A whole service as a context manager: ready when entered, gone when left.

    Entering raises StartError, with everything stopped again, when some part of it does not come up.
    """

    url: str
    """Where the HTTP stub listens."""
    api_key: str
    """A key that may read and write; made once for each home."""
    metrics_url: str | None = None
    """Where the metrics of all processes are, if they are wanted."""
    settings: Settings
    """The settings of the service's processes, with the addresses of the servers started for it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"home": settings.home.expanduser().resolve()})
        self._processes: dict[str, ChildProcess] = {}
        self._metrics_ports: dict[str, int] = {}
        self._cleanup = ExitStack()

    @property
    def pids(self) -> dict[str, int]:
        """The process id of everything that runs, by name; a restart changes it."""
        return {name: process.pid for name, process in self._processes.items()}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        lock = self._cleanup.enter_context(home.locked(self.settings.home))
        port = self._cleanup.enter_context(listening_port.reserve(self.settings.host, self.settings.port))
        # The guardian shares the lock, so that a successor waits until it has cleaned up.
        self._guardian = Guardian(self._log("guardian"), keep_open=[lock])
        self._cleanup.callback(self._guardian.close)
        self._start_servers()
        self._configure(port)
        self._serve_metrics()
        self._migrate()
        port.close()
        self._start_processes()
        self._wait_until_ready()
        for_shells = environment.of_client(self.settings, self.url, self.api_key, self.metrics_url)
        self._cleanup.enter_context(home.environment_file(self.settings.home, for_shells))
        self._keep_alive()

    def _stop(self) -> None:
        with _undisturbed():
            self._cleanup.close()

    def _start_servers(self) -> None:
        addresses: dict[str, str] = {}
        if self.settings.database_url is None:
            postgres = embedded_postgres.start(self.settings.home, self._guardian)
            self._take_charge("postgres", postgres)
            addresses["database_url"] = postgres.url
        missing = [name for name in ("broker_url", "redis_url") if getattr(self.settings, name) is None]
        if missing:
            redis = embedded_redis.start(self.settings.home, self._guardian)
            self._take_charge("redis", redis)
            addresses |= dict.fromkeys(missing, redis.url)
        self.settings = Settings(**self.settings.model_dump() | addresses)

    def _take_charge(
        self, name: str, server: embedded_postgres.EmbeddedPostgres | embedded_redis.EmbeddedRedis
    ) -> None:
        self._cleanup.callback(server.stop)
        self._processes[name] = server.process

    def _configure(self, reservation: socket) -> None:
        port: int = reservation.getsockname()[1]
        self.url = listening_port.url(self.settings.host, port)
        self.api_key = home.development_key(self.settings.home)
        keys = (*self.settings.api_keys, SecretStr(self.api_key))
        self.settings = self.settings.model_copy(update={"port": port, "api_keys": keys})
        if self.settings.metrics_port is not None:
            self._metrics_ports = dict(zip(START_ORDER, listening_port.free(len(START_ORDER)), strict=True))

    def _migrate(self) -> None:
        migration = self._run("migrate")
        try:
            status = migration.wait(MIGRATION_TIMEOUT_SECONDS)
        finally:
            migration.stop()
        if status != 0:
            raise StartError(migration.describe(f"ended with status {status}"))

    def _start_processes(self) -> None:
        for name in START_ORDER:
            process = self._run(name)
            self._cleanup.callback(process.stop)
            self._processes[name] = process

    def _run(self, command: str) -> ChildProcess:
        heartbeat = home.heartbeat_path(self.settings.home, command)
        settings = self.settings.model_copy(update={"heartbeat_file": heartbeat})
        spec = ProcessSpec(
            name=command,
            arguments=(sys.executable, "-m", "workers.command_line", command),
            log=self._log(command),
            environment=os.environ | environment.of_process(settings) | self._metrics_address(command),
            grace_seconds=GRACE_SECONDS.get(command, 5.0),
            heartbeat=heartbeat,
        )
        return ChildProcess(spec, self._guardian)

    def _metrics_address(self, command: str) -> dict[str, str]:
        """Of a process's own metrics; the port in the settings is for those of all."""
        port = self._metrics_ports.get(command)
        return environment.of_metrics(metrics_endpoint.LOOPBACK, port) if port else {}

    def _serve_metrics(self) -> None:
        if self.settings.metrics_port is not None:
            endpoint = metrics_endpoint.serving(
                self.settings.metrics_host, self.settings.metrics_port, self._metrics_ports
            )
            self.metrics_url = self._cleanup.enter_context(endpoint)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        # A proxy named in the environment has no business between this process and its child.
        with httpx.Client(base_url=self.url, timeout=5, trust_env=False) as client:
            while not _is_ready(client):
                self._refuse_the_dead()
                if time.monotonic() > deadline:
                    raise StartError(
                        self._processes["api"].describe(f"was not ready within {READY_TIMEOUT_SECONDS:g} s")
                    )
                time.sleep(0.1)

    def _refuse_the_dead(self) -> None:
        for process in self._processes.values():
            if (status := process.exit_status) is not None:
                raise StartError(process.describe(f"ended with status {status} at its start"))

    def _keep_alive(self) -> None:
        stopping = threading.Event()
        watch = threading.Thread(target=self._watch, args=[stopping], name="supervisor", daemon=True)
        watch.start()
        self._cleanup.callback(watch.join)
        self._cleanup.callback(stopping.set)

    def _watch(self, stopping: threading.Event) -> None:
        while not stopping.wait(WATCH_SECONDS):
            for process in self._processes.values():
                process.revive()

    def _log(self, name: str) -> Path:
        return home.log_path(self.settings.home, name)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep an impatient second Ctrl-C from interrupting the end, each step of which has a bound."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
