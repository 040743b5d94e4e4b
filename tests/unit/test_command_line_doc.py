"""docs/command_line.md says what the command line does."""

import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from workers.command_line import app
from workers.exit_codes import ExitCode
from workers.operating.doctor import areas, command
from workers.operating.doctor.finding import Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "command_line.md").read_text()
CHECKED = (
    areas.SURROUNDINGS,
    areas.DATABASE,
    areas.REDIS_BROKER,
    areas.RABBITMQ_BROKER,
    areas.OUTCOMES,
    areas.MAIL,
    areas.API,
)


def rows(columns: int, after: str) -> list[tuple[str, ...]]:
    """Return the rows of the first table behind `after`, without its head."""
    table = PAGE.partition(after)[2].partition("|---|")[2].partition("\n\n")[0]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[1:]]


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command, by the words that call it."""
    for name, each in (group or get_command(app)).commands.items():
        if hasattr(each, "commands"):
            yield from commands(each, (*path, name))
        else:
            yield (*path, name), each


COMMANDS = dict(commands())


def test_every_command_is_in_the_table_and_says_whether_it_answers_programs() -> None:
    documented = {tuple(name.strip("`").split()): bool(gives) for name, _, gives in rows(3, "which key it takes.")}
    assert documented == {
        path: any("--json" in parameter.opts for parameter in each.params) for path, each in COMMANDS.items()
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example(path: tuple[str, ...]) -> None:
    assert f"jobgroups {' '.join(path)}" in (COMMANDS[path].help or "")


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_word_of_a_help_is_cut_off(path: tuple[str, ...], columns: str) -> None:
    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": columns, "TERMINAL_WIDTH": columns})
    assert told.exit_code == 0
    assert not re.search(r"\w…", told.stdout), told.stdout


def test_the_exit_statuses_are_those_in_force() -> None:
    assert rows(2, "## Exit statuses") == [(str(code.value), code.meaning) for code in ExitCode]


def test_the_marks_are_those_in_force() -> None:
    documented = {verdict.strip("`"): mark for mark, verdict, _, _ in rows(4, "## The doctor")}
    assert documented.keys() == set(Verdict)
    assert all(mark in command.MARKS[Verdict(verdict)] for verdict, mark in documented.items())


def test_every_check_is_in_the_table() -> None:
    documented = [name.strip("`") for name, *_ in rows(2, "may not ask | 0 |")]
    assert documented == list(dict.fromkeys(chain(*(area.checks for area in CHECKED))))


@pytest.mark.parametrize("typed", re.findall(r"^ {4}jobgroups ([^|\n]+)", PAGE, re.MULTILINE))
def test_what_it_tells_to_type_is_understood(typed: str) -> None:
    words = shlex.split(typed)
    told = CliRunner().invoke(app, [word for word in words if word != "--install-completion"] + ["--help"])
    assert told.exit_code == 0
    assert all(word in told.stdout for word in words if word.startswith("--"))
