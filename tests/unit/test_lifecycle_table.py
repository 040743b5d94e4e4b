"""Every status of a group and every command: what the table says is what happens."""

import pytest

from models import names
from models.commands import COMMANDS
from models.errors import IllegalTransition, NotFound
from models.lifecycle import LEGAL, JobStatus, Status
from tests.unit.group_in_memory import GroupInMemory, data_of, in_status

MAY_HAVE_NO_EFFECT = {names.JOB_REPORT, names.JOB_GROUP_WAKE, names.JOB_GROUP_DISABLE_WEBHOOK}
"""A report that comes too late, a wake-up with nothing due, a webhook that the group has not."""
PAIRS = [(status, command) for status in Status for command in LEGAL]
LEGAL_PAIRS = [(status, command) for status, command in PAIRS if status in LEGAL[command]]
ILLEGAL_PAIRS = [pair for pair in PAIRS if pair not in LEGAL_PAIRS]


def test_the_table_has_every_command_but_the_one_that_makes_groups() -> None:
    assert LEGAL.keys() == COMMANDS.keys() - {names.JOB_GROUP_CREATE}


@pytest.mark.parametrize("status", Status)
def test_every_status_is_reached_by_commands(status: Status) -> None:
    assert in_status(status).status is status


@pytest.mark.parametrize(("status", "command"), ILLEGAL_PAIRS)
def test_an_illegal_command_is_refused_and_changes_nothing(status: Status, command: str) -> None:
    bench = in_status(status)
    before = bench.group
    with pytest.raises(IllegalTransition, match=f"{command} has no meaning for a group that is {status}"):
        bench.send(command, **data_of(command))
    assert bench.group == before


@pytest.mark.parametrize(("status", "command"), LEGAL_PAIRS)
def test_a_legal_command_has_its_effect(status: Status, command: str) -> None:
    bench = in_status(status)
    before = bench.group
    if command == names.JOB_REVIEW and bench.job(2).status is not JobStatus.NEEDS_REVIEW:
        with pytest.raises(IllegalTransition, match="only one that needs review can be reviewed"):
            bench.send(command, **data_of(command))
        return
    happened = bench.send(command, **data_of(command))
    assert happened or command in MAY_HAVE_NO_EFFECT
    assert bench.group.version == before.version + bool(happened)
    assert bench.group.sequence == before.sequence + len(happened)


@pytest.mark.parametrize("status", [s for s in Status if JobStatus.PROCESSING in in_status(s).statuses()])
def test_a_report_on_the_current_attempt_always_has_an_effect(status: Status) -> None:
    assert in_status(status).send(names.JOB_REPORT, **data_of(names.JOB_REPORT))


@pytest.mark.parametrize("status", Status)
def test_a_group_that_is_over_has_told_so_once(status: Status) -> None:
    told = {
        Status.COMPLETED: names.JOB_GROUP_COMPLETED,
        Status.COMPLETED_WITH_ERRORS: names.JOB_GROUP_COMPLETED,
        Status.FAILED: names.JOB_GROUP_COMPLETED,
        Status.CANCELLED: names.JOB_GROUP_CANCELLED,
        Status.EXPIRED: names.JOB_GROUP_EXPIRED,
    }
    ends = [event.name for event in in_status(status).happened if event.name in told.values()]
    assert ends == ([told[status]] if status in told else [])


@pytest.mark.parametrize("command", LEGAL)
def test_no_command_finds_a_group_that_is_not_there_or_no_longer(command: str) -> None:
    with pytest.raises(NotFound, match="there is no job group"):
        GroupInMemory().send(command, **data_of(command))
    bench = in_status(Status.PROCESSING)
    bench.ask("delete")
    with pytest.raises(NotFound, match="was deleted"):
        bench.send(command, **data_of(command))
