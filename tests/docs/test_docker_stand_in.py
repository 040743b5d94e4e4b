"""The stand-in for Docker refuses what Docker Compose would refuse."""

import os
import subprocess
import sys

import pytest

from tests.docs.terminal import PROGRAMS

PASSWORDS = {"POSTGRES_PASSWORD": "some", "REDIS_PASSWORD": "other"}


def docker(typed: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAMS / "docker"), *typed.split()]
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "typed", ["compose up --build --wait", "compose --profile rabbitmq up", "compose exec api sh -c exit"]
)
def test_what_compose_knows_is_done(typed: str) -> None:
    assert docker(typed, PASSWORDS).returncode == 0


@pytest.mark.parametrize(
    ("typed", "variables", "said"),
    [
        ("compose up", {}, "set a password for PostgreSQL"),
        ("compose exec api true", {**PASSWORDS, "REDIS_PASSWORD": ""}, "set a password for Redis"),
        ("compose --profile kafka up", PASSWORDS, "invalid choice: 'kafka'"),
        ("compose exec web true", PASSWORDS, "invalid choice: 'web'"),
        ("compose start", PASSWORDS, "invalid choice: 'start'"),
        ("compose up --watch", PASSWORDS, "--watch"),
        ("compose exec api false", PASSWORDS, ""),
    ],
)
def test_what_compose_does_not_know_or_lacks_is_refused(typed: str, variables: dict[str, str], said: str) -> None:
    done = docker(typed, variables)
    assert done.returncode != 0
    assert said in done.stderr
