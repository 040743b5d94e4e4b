"""`jobgroups run` as its users meet it: a process of its own, with a home of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from settings import Settings
from tests.commands import eventually
from workers.supervision import home as service_home
from workers.supervision import listening_port, process_tree
from workers.supervision.processes import StartError
from workers.supervision.supervisor import Supervisor

START_TIMEOUT_SECONDS = 90.0
COMMAND = [sys.executable, "-m", "workers.command_line", "run"]


@dataclass
class Instance:
    """A started `jobgroups run`."""

    home: Path
    process: subprocess.Popen[str]

    def family(self) -> list[psutil.Process]:
        """Everything it runs, itself first."""
        return process_tree.with_descendants([psutil.Process(self.process.pid)])

    def running(self, name: str) -> list[psutil.Process]:
        """Its processes for the command `name`."""
        return [each for each in self.family() if command_of(each)[-2:] == ["workers.command_line", name]]

    def sourced(self, variable: str) -> str:
        """What `variable` is in a shell that sourced the env file."""
        script = f'set -a; . "$1"; set +a; exec printenv {variable}'
        environment = {"PATH": os.environ["PATH"]}
        command = ["sh", "-c", script, "sh", str(self.home / "env")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def bare_environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JOBGROUPS_")}
    return inherited | {"JOBGROUPS_HOME": str(home), "JOBGROUPS_PORT": "0"}


def launch(home: Path) -> Instance:
    output = (home.parent / f"{home.name}.out").open("w+")
    with output:
        process = subprocess.Popen(
            COMMAND, env=bare_environment(home), stdout=output, stderr=output, text=True, start_new_session=True
        )
    return Instance(home, process)


def wait_until_ready(instance: Instance) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not (instance.home / "env").exists():
        said = (instance.home.parent / f"{instance.home.name}.out").read_text()
        assert instance.process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


def is_ready(instance: Instance) -> bool:
    with httpx.Client(trust_env=False) as client:
        return client.get(instance.sourced("JOBGROUPS_URL") + "/readyz").status_code == 200


def end(instance: Instance) -> None:
    members = instance.family() if instance.process.poll() is None else []
    instance.process.kill()
    instance.process.wait()
    process_tree.kill(members)


@contextmanager
def launched(home: Path) -> Iterator[Instance]:
    started = launch(home)
    try:
        wait_until_ready(started)
        yield started
    finally:
        end(started)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """One that the test may end."""
    with launched(tmp_path / "home") as started:
        yield started


@pytest.fixture(scope="module")
def lasting_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One for all tests that leave it as they found it."""
    with launched(tmp_path_factory.mktemp("lasting") / "home") as started:
        yield started


def test_the_env_file_is_private_and_a_shell_can_source_it(lasting_instance: Instance) -> None:
    instance = lasting_instance
    assert (instance.home / "env").stat().st_mode & 0o777 == 0o600
    assert instance.sourced("JOBGROUPS_URL").startswith("http://127.0.0.1:")
    assert instance.sourced("JOBGROUPS_DATABASE_URL").startswith("postgresql://")
    assert instance.sourced("JOBGROUPS_BROKER_URL").startswith("redis://")
    assert instance.sourced("JOBGROUPS_API_KEY") == service_home.development_key(instance.home)
    assert is_ready(instance)


def test_two_instances_run_side_by_side(tmp_path: Path) -> None:
    instances = [launch(tmp_path / name) for name in ("first", "second")]
    try:
        for each in instances:
            wait_until_ready(each)
        assert all(is_ready(each) for each in instances)
        assert len({each.sourced("JOBGROUPS_URL") for each in instances}) == 2
    finally:
        for each in instances:
            end(each)


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_ctrl_c_or_sigterm(instance: Instance, stop_signal: signal.Signals) -> None:
    members = instance.family()
    assert len(members) > 8
    os.kill(instance.process.pid, stop_signal)
    assert instance.process.wait(60) == 0
    assert process_tree.wait_until_gone(members, 1.0) == []
    assert not (instance.home / "env").exists()


def test_nothing_is_left_after_kill_9_and_the_next_start_succeeds(instance: Instance) -> None:
    members = instance.family()
    os.kill(instance.process.pid, signal.SIGKILL)
    instance.process.wait()
    successor = launch(instance.home)  # at once: it has to wait for the guardian of its predecessor
    try:
        assert process_tree.wait_until_gone(members, 15.0) == []
        (instance.home / "env").unlink(missing_ok=True)
        wait_until_ready(successor)
        assert is_ready(successor)
    finally:
        end(successor)


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("log", ["guardian", "postgres", "migrate", "worker"])
def test_nothing_is_left_of_a_start_that_was_interrupted(tmp_path: Path, log: str, stop_signal: signal.Signals) -> None:
    started = launch(tmp_path / "home")
    while not service_home.log_path(started.home, log).exists():
        assert started.process.poll() is None
        time.sleep(0.005)
    members = started.family()
    os.kill(started.process.pid, stop_signal)
    started.process.wait(60)
    assert process_tree.wait_until_gone(members, 15.0) == []
    with service_home.locked(started.home):
        assert not [each for each in psutil.process_iter() if str(started.home) in " ".join(command_of(each))]


@pytest.mark.parametrize("name", ["relay", "worker", "intake", "housekeeping", "notifier"])
def test_a_process_that_dies_is_started_again(lasting_instance: Instance, name: str) -> None:
    victims = lasting_instance.running(name)
    assert victims
    process_tree.kill(victims)
    assert eventually(lambda: set(lasting_instance.running(name)) - set(victims), seconds=30)


def test_two_supervisors_do_not_share_a_home(tmp_path: Path) -> None:
    with (
        service_home.locked(tmp_path),
        pytest.raises(StartError, match=f"in use by process {os.getpid()}"),
        Supervisor(Settings(home=tmp_path, port=0)),
    ):
        pass


def test_a_busy_port_is_noticed_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with (
            pytest.raises(StartError, match=f"Port {port} .*JOBGROUPS_PORT"),
            Supervisor(Settings(home=tmp_path, port=port)),
        ):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock"]


def test_an_address_of_another_machine_is_refused_by_name(tmp_path: Path) -> None:
    elsewhere = Settings(home=tmp_path, host="192.0.2.1", port=0)
    with pytest.raises(StartError, match=r"192\.0\.2\.1"), Supervisor(elsewhere):
        pass


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("example.org", "http://example.org:8080"),
    ],
)
def test_the_url_is_one_that_a_client_here_can_open(host: str, url: str) -> None:
    assert listening_port.url(host, 8080) == url


def test_the_development_key_is_long_private_and_kept(tmp_path: Path) -> None:
    key = service_home.development_key(tmp_path)
    assert len(key) == 43
    assert (tmp_path / "development_key").stat().st_mode & 0o777 == 0o600
    assert service_home.development_key(tmp_path) == key


def run_cli(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JOBGROUPS_")}
    command = [sys.executable, "-m", "workers.command_line", *arguments]
    return subprocess.run(command, env=inherited | variables, capture_output=True, text=True, timeout=60, check=False)


def test_a_missing_address_is_one_sentence_and_status_2() -> None:
    result = run_cli("migrate")
    assert result.returncode == 2
    assert "JOBGROUPS_DATABASE_URL is not set" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_setting_that_cannot_work_is_named_without_its_value() -> None:
    result = run_cli("migrate", JOBGROUPS_DATABASE_URL="mysql://me:secret@db/x", JOBGROUPS_PORT="http")
    assert result.returncode == 2
    assert "JOBGROUPS_DATABASE_URL" in result.stderr
    assert "JOBGROUPS_PORT" in result.stderr
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_the_help_teaches() -> None:
    words = run_cli("--help").stdout
    commands = {"run", "demo", "worker", "relay", "intake", "housekeeping", "notifier", "api", "migrate"}
    assert {name for name in commands if name in words} == commands
    assert "JOBGROUPS_DATABASE_URL" in words
