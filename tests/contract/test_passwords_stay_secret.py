"""A process whose servers do not answer says so, at the top of its voice, without the passwords in their addresses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import eventually
from tests.contract.http_api import free_port

PASSWORD = "p4ssw0rd-of-this-test"
KEY = "key-of-this-test-0123456789"
PROCESSES = ("worker", "relay", "intake", "housekeeping", "notifier", "api", "migrate")
COMPLAINTS = ('"error":', "refused", "Trying again")


def environment(broker: str) -> dict[str, str]:
    """Return addresses at which nothing listens."""
    nowhere = f"127.0.0.1:{free_port()}"
    return {
        "JOBGROUPS_DATABASE_URL": f"postgresql://user:{PASSWORD}@{nowhere}/jobgroups",
        "JOBGROUPS_BROKER_URL": f"{broker}://user:{PASSWORD}@{nowhere}/",
        "JOBGROUPS_REDIS_URL": f"redis://user:{PASSWORD}@{nowhere}/0",
        "JOBGROUPS_API_KEYS": KEY,
        "JOBGROUPS_PORT": "0",
        "JOBGROUPS_LOG_LEVEL": "DEBUG",
    }


@pytest.mark.parametrize("broker", ["amqp", "redis"])
def test_a_complaint_names_no_password(tmp_path: Path, broker: str) -> None:
    logs = [tmp_path / f"{name}.log" for name in PROCESSES]
    running = [start(name, log, environment(broker)) for name, log in zip(PROCESSES, logs, strict=True)]
    try:
        for log in logs:
            eventually(lambda log=log: any(word in log.read_text() for word in COMPLAINTS))
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)
    assert [log.name for log in logs if PASSWORD in log.read_text() or KEY in log.read_text()] == []


def start(name: str, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "workers.command_line", name]
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | environment)


@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL", "REDIS_URL"])
def test_an_address_that_cannot_be_read_is_not_repeated(name: str) -> None:
    """A `/` in a password ends the host for who reads the address, and what stands before it is taken for the port."""
    scheme = {"DATABASE_URL": "postgresql", "BROKER_URL": "amqp", "REDIS_URL": "redis"}[name]
    wrong = environment("amqp") | {f"JOBGROUPS_{name}": f"{scheme}://user:{PASSWORD}/half@127.0.0.1:1/0"}
    refused = subprocess.run(
        [sys.executable, "-m", "workers.command_line", "worker"],
        env=os.environ | wrong,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert refused.returncode != 0
    assert f"JOBGROUPS_{name}" in refused.stderr
    assert "%2F" in refused.stderr
    assert PASSWORD not in refused.stdout + refused.stderr
