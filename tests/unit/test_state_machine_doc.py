"""docs/state_machine.md says what the code does: its tables are made from the code, its diagrams held against runs."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from models import names
from models.errors import IllegalTransition
from models.job_events import JobEvent
from models.lifecycle import LEGAL, JobStatus, Status
from tests.unit.group_in_memory import GroupInMemory, data_of, group_of, in_status

PAGE = (Path(__file__).parents[2] / "docs" / "state_machine.md").read_text()
JOB_EVENTS: list[type[JobEvent]] = sorted(JobEvent.__subclasses__(), key=lambda event: list(JobStatus).index(event.to))


def table(*rows: list[str]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def command_table() -> str:
    """Return which command is legal in which status of the group."""
    head = ["", *(f"`{status}`" for status in Status)]
    rows = [
        [f"`{command}`", *("✓" if status in legal else "—" for status in Status)] for command, legal in LEGAL.items()
    ]
    return table(head, *rows)


def _verdicts(command: str) -> list[str]:
    return [f"`{command}`", *("✓" if status in LEGAL[command] else "—" for status in Status)]


def job_table() -> str:
    """Return how jobs go from one status to another, as they were seen to."""
    seen = job_moves()
    rows = [
        [_listed({before for before, name, _ in seen if name == event.name}), f"`{event.name}`", f"`{event.to}`"]
        for event in JOB_EVENTS
    ]
    return table(["from", "event", "to"], *rows)


def _listed(statuses: set[JobStatus]) -> str:
    return " ".join(f"`{status}`" for status in JobStatus if status in statuses)


def job_moves() -> set[tuple[JobStatus, str, JobStatus]]:
    """Return every move of a job that happens in walks through every status of the group."""
    benches = [in_status(status) for status in Status] + [run() for run in (_retried, _lapsed, _skipped, _given_up)]
    for status in Status:
        bench = in_status(status)
        benches.append(bench)
        for command in (names.JOB_REPORT, names.JOB_REVIEW, names.JOB_GROUP_RETRY):
            _try(bench, command)
    events = [event for bench in benches for event in bench.happened if isinstance(event, JobEvent)]
    return {(event.previous_status, event.name, event.to) for event in events}


def _try(bench: GroupInMemory, command: str) -> None:
    try:
        bench.send(command, **data_of(command))
    except IllegalTransition:
        return


def _retried() -> GroupInMemory:
    """Jobs that failed, were rejected and were cancelled, and are tried again."""
    bench = group_of(3)
    bench.fail(1)
    bench.report(2, confidence=0.1)
    bench.review(2, "reject")
    bench.ask("cancel")
    bench.report(3)
    bench.ask("retry")
    return bench


def _lapsed() -> GroupInMemory:
    """Leases lapse, then the time of the group, with one job under way and one in the queue."""
    bench = group_of(3, maxConcurrency=1, expiresAfterSeconds=400, maxAttempts=1)
    bench.wait(300)
    bench.ask("wake")
    bench.wait(100)
    bench.ask("wake")
    bench.report(2)
    bench.ask("retry")
    return bench


def _skipped() -> GroupInMemory:
    bench = GroupInMemory()
    bench.create()
    bench.add(2, sha256="a" * 64)
    return bench


def _given_up() -> GroupInMemory:
    bench = group_of(2, maxConcurrency=1)
    bench.ask("cancel")
    return bench


def group_moves() -> set[tuple[str, str]]:
    """Return how one legal command, from each status, moved the group; by itself or on its way through others."""
    moves: set[tuple[str, str]] = set()
    for status in Status:
        for command in LEGAL:
            bench = in_status(status)
            _try(bench, command)
            told = [status, *(event.status for event in bench.happened[-1:] if hasattr(event, "status")), bench.status]
            moves |= {(before, after) for before, after in pairwise(told) if before != after}
    return moves


def diagram(title: str) -> set[tuple[str, str]]:
    """Return the arrows between statuses in the diagrams under the heading `title`."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    drawn = "".join(re.findall(r"```mermaid\n(.*?)```", section, re.DOTALL))
    return set(re.findall(r"^ *(\w+) --> (\w+)", drawn, re.MULTILINE))


@pytest.mark.parametrize("made", [command_table, job_table])
def test_the_page_has_the_table_that_the_code_makes(made: Callable[[], str]) -> None:
    assert made() in PAGE, f"put this table into docs/state_machine.md:\n{made()}"


def test_every_status_is_drawn_and_told() -> None:
    for title, statuses in (("The group", Status), ("The job", JobStatus)):
        assert {status.value for status in statuses} <= {status for arrow in diagram(title) for status in arrow}
        section = PAGE.split(f"## {title}\n")[1]
        assert all(f"| `{status.value}` |" in section for status in statuses)


def test_a_group_moves_along_the_arrows_that_are_drawn() -> None:
    assert group_moves() <= diagram("The group")


def test_the_arrows_drawn_for_jobs_are_the_moves_that_happen() -> None:
    assert diagram("The job") == {(before.value, after.value) for before, _, after in job_moves()} | {("new", "queued")}
