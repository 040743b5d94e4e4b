"""The Tab key: what the shells are told, asked as they ask."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.dead_letter import DeadLetterReason


@pytest.fixture(scope="module")
def jobgroups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a program `jobgroups`, as an installation puts it on the PATH."""
    program = tmp_path_factory.mktemp("path") / "jobgroups"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m workers.command_line "$@"\n')
    program.chmod(0o755)
    return program.parent


def run(jobgroups: Path, *command: str, **variables: str) -> str:
    environment = os.environ | {"PATH": f"{jobgroups}:{os.environ['PATH']}"} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.fixture(scope="module")
def script_for_bash(jobgroups: Path) -> str:
    return run(jobgroups, "jobgroups", _JOBGROUPS_COMPLETE="source_bash")


def completed_by_bash(jobgroups: Path, script_for_bash: str, typed: str) -> list[str]:
    """Press Tab in a bash that has read the completion script."""
    words = typed.split(" ")
    array = " ".join(f"'{word}'" for word in words)
    script = f"""
{script_for_bash}
COMP_WORDS=({array}) COMP_CWORD={len(words) - 1}
$(complete -p jobgroups | sed 's/.*-F \\([^ ]*\\).*/\\1/') jobgroups
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return run(jobgroups, shutil.which("bash") or "bash", "-c", script).split()


def completed_by_zsh(jobgroups: Path, typed: str) -> list[str]:
    """Ask as the script for zsh asks, and read its answer, an argument for zsh's `_arguments`."""
    told = run(jobgroups, "jobgroups", _JOBGROUPS_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=typed)
    return re.findall(r'(?:\(\(|\n)"([^"]+)"', told)


CASES = [
    ("jobgroups dead", {"dead-letters"}),
    ("jobgroups dead-letters ", {"list", "show", "replay", "discard"}),
    ("jobgroups dead-letters list --reason ", {*DeadLetterReason}),
    ("jobgroups events tail --ty", {"--type"}),
    ("jobgroups events tail --type job_group.cancel", {"job_group.cancelling", "job_group.cancelled"}),
]


@pytest.mark.parametrize(("typed", "expected"), CASES)
def test_bash_completes(jobgroups: Path, script_for_bash: str, typed: str, expected: set[str]) -> None:
    assert set(completed_by_bash(jobgroups, script_for_bash, typed)) == expected


@pytest.mark.parametrize(("typed", "expected"), CASES[1:3])
def test_zsh_is_told_what_completes(jobgroups: Path, typed: str, expected: set[str]) -> None:
    assert set(completed_by_zsh(jobgroups, typed)) == expected


def test_the_script_for_zsh_is_for_this_program(jobgroups: Path) -> None:
    script = run(jobgroups, "jobgroups", _JOBGROUPS_COMPLETE="source_zsh")
    assert script.strip().startswith("#compdef jobgroups")
