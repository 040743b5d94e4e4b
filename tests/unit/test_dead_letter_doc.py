"""docs/dead_letters.md says what the code does."""

import re
from pathlib import Path

import pytest

from models.dead_letter import DeadLetterReason
from settings import Settings
from tests.command_line import jobgroups

PAGE = (Path(__file__).parents[2] / "docs" / "dead_letters.md").read_text()


def test_the_table_has_every_reason_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [reason for reason, _, _ in rows] == list(DeadLetterReason)


@pytest.mark.parametrize("typed", sorted(set(re.findall(r"^ {3}jobgroups (.+)$", PAGE, re.MULTILINE))))
def test_what_it_tells_to_type_is_understood(typed: str) -> None:
    arguments = typed.replace("ID", "0186071a-5d40-7000-8000-000000000001").split()
    result = jobgroups(Settings(), *arguments, "--help")
    assert result.exit_code == 0, result.output
    options = {argument for argument in arguments if argument.startswith("--")}
    assert all(option in result.stdout for option in options)
