"""A private RabbitMQ node, with an Erlang port mapper of its own, so that nothing stays behind."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import amqp
import pytest

from workers.supervision.processes import ChildProcess, ProcessSpec, StartError

DEBIAN_PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""Debian's own wrapper in /usr/sbin insists on the account `rabbitmq`; what it wraps does not."""
START_TIMEOUT_SECONDS = 60.0
CONFIGURATION = "rabbitmq.conf"
NO_BUSY_WAITING = "+sbwt none +sbwtdcpu none +sbwtdio none"
"""Erlang's schedulers otherwise spin before they sleep, on cores that whatever is tested needs."""


@dataclass(frozen=True)
class RabbitMQ:
    """A running node; guest:guest may do everything."""

    url: str
    """amqp://guest:guest@127.0.0.1:PORT//"""
    node: ChildProcess
    port_mapper: ChildProcess

    @property
    def pid(self) -> int:
        """The node's process id."""
        return self.node.pid

    def stop(self) -> None:
        """End the node, then its port mapper."""
        self.node.stop()
        self.port_mapper.stop()


def rabbitmq_reason_to_skip() -> str | None:
    """Say why no node can be started here; None where one can."""
    if _program("rabbitmq-server", DEBIAN_PROGRAM) is None:
        return "rabbitmq-server is not installed (apt-get install rabbitmq-server)"
    if _program("epmd") is None:
        return "epmd, Erlang's port mapper, is not on the PATH"
    return None


def rabbitmq_or_skip(directory: Path) -> Iterator[str]:
    """Give the address of a node while a fixture lasts; where none can be started, its tests skip and say why."""
    if reason := rabbitmq_reason_to_skip():
        pytest.skip(reason)
    node = start_rabbitmq(directory)
    try:
        yield node.url
    finally:
        node.stop()


def start_rabbitmq(directory: Path, definitions: Path | None = None) -> RabbitMQ:
    """Start a node that keeps everything under `directory`, with the users in `definitions` beside guest.

    Raises StartError when it does not come up.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port, distribution_port, mapper_port = _free_ports(3)
    environment = os.environ | _settings(directory, port, distribution_port, mapper_port)
    _configure(directory, definitions)
    mapper = _start(directory, environment, "epmd", _required("epmd"), "-address", "127.0.0.1")
    node = _start(directory, environment, "rabbitmq", _required("rabbitmq-server", DEBIAN_PROGRAM))
    server = RabbitMQ(f"amqp://guest:guest@127.0.0.1:{port}//", node, mapper)
    try:
        _wait_until_ready(server)
    except BaseException:
        server.stop()
        raise
    return server


def _settings(directory: Path, port: int, distribution_port: int, mapper_port: int) -> dict[str, str]:
    return {
        "HOME": str(directory),  # where Erlang keeps its cookie
        "ERL_EPMD_PORT": str(mapper_port),
        "RABBITMQ_NODENAME": f"jobgroups-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel inet_dist_use_interface {{127,0,0,1}} {NO_BUSY_WAITING}",
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "logs"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_CONFIG_FILE": str(directory / CONFIGURATION),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none"),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(_no_plugins(directory)),
    }


def _configure(directory: Path, definitions: Path | None) -> None:
    # A test machine's nearly full disk or small memory must not block publishers.
    lines = ["disk_free_limit.absolute = 1MB", "vm_memory_high_watermark.relative = 0.9"]
    if definitions:
        lines.append(f"load_definitions = {definitions}")
    (directory / CONFIGURATION).write_text("\n".join(lines) + "\n")


def _no_plugins(directory: Path) -> Path:
    path = directory / "enabled_plugins"
    path.write_text("[].\n")
    return path


def _start(directory: Path, environment: dict[str, str], name: str, *arguments: str) -> ChildProcess:
    log = directory / "logs" / f"{name}.log"
    return ChildProcess(
        ProcessSpec(name, arguments, log, environment=environment, directory=directory, grace_seconds=20.0)
    )


def _wait_until_ready(server: RabbitMQ) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not accepts(server.url):
        if server.node.exit_status is not None:
            raise StartError(server.node.describe("ended at its start"))
        if time.monotonic() > deadline:
            raise StartError(server.node.describe(f"was not ready within {START_TIMEOUT_SECONDS:g} s"))
        time.sleep(0.1)


def accepts(url: str) -> bool:
    """Say whether the node at `url` takes connections."""
    # kombu would pause for seconds between its attempts.
    host = url.partition("@")[2].rstrip("/")
    try:
        with amqp.Connection(host, connect_timeout=2, read_timeout=5):
            return True
    except (OSError, amqp.AMQPError):
        return False


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _program(name: str, preferred: str = "") -> str | None:
    return shutil.which(preferred) or shutil.which(name)


def _required(name: str, preferred: str = "") -> str:
    program = _program(name, preferred)
    if program is None:
        raise StartError(f"{name} is not installed")
    return program
