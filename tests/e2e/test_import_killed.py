"""An import that is killed, twice, and started again: each of its lines takes effect once.

20,000 lines; 100,000 with FAULTS=full.
"""

import csv
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.commands import eventually, select
from tests.operating import JOBGROUPS, operator_of, run
from workers.exit_codes import ExitCode
from workers.supervision.supervisor import Supervisor

LINES_COUNT = 100_000 if os.environ.get("FAULTS") == "full" else 20_000
JOBS_PER_GROUP = 5
WRONG_EVERY = 1_000
"""So many lines from one that is wrong to the next, each in another group."""

COUNTS = """
SELECT count(*) AS groups, sum(queued_count + processing_count + needs_review_count) AS open_jobs,
    count(*) FILTER (WHERE sealed) AS sealed, max(generation) AS generations, max(version) AS versions,
    (SELECT count(*) FROM jobs j JOIN job_groups g ON g.id = j.group_id WHERE g.template = :template) AS jobs,
    (SELECT count(DISTINCT j.external_id) FROM jobs j JOIN job_groups g ON g.id = j.group_id
     WHERE g.template = :template) AS lines
FROM job_groups WHERE template = :template
"""
EVENTS = """
SELECT e.name, count(*) FROM events e JOIN job_groups g ON g.id = e.group_id
WHERE g.template = :template AND e.name LIKE 'job_group.%' GROUP BY e.name
"""


def is_wrong(number: int) -> bool:
    return number % WRONG_EVERY == 7


def rows(template: str) -> Iterator[str]:
    yield "group,name,template,externalId,uri,pageCount"
    for number in range(LINES_COUNT):
        group, place = divmod(number, JOBS_PER_GROUP)
        fields = f"Batch {group},{template}" if place == 0 else ","
        yield f"{group},{fields},{number},file:///{number}.pdf,{'many' if is_wrong(number) else 1}"


def noted_lines(journal: Path) -> int:
    """Return how many lines are done, as the journal says; its last line may be half written."""
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return int(json.loads(whole[-1])["lines"]) if whole else 0


def kill_once_it_has_done(lines_count: int, file: Path, environment: dict[str, str]) -> None:
    journal = file.with_name(f"{file.name}.progress")
    process = subprocess.Popen([*JOBGROUPS, "import", str(file)], env=environment, stderr=subprocess.PIPE)
    try:
        eventually(lambda: process.poll() is not None or noted_lines(journal) >= lines_count, seconds=90)
        assert process.poll() is None, f"it ended by itself: {process.communicate()}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert noted_lines(journal) < LINES_COUNT


def effects(service: Supervisor, template: str) -> dict[str, Any]:
    database_url = service.settings.require("database_url")
    (counts,) = select(database_url, COUNTS, template=template)
    events = {row["name"]: row["count"] for row in select(database_url, EVENTS, template=template)}
    return counts | events


@pytest.mark.timeout(400)
def test_each_line_takes_effect_once(either_service: Supervisor, tmp_path: Path) -> None:
    template = f"t-{uuid4()}"
    file = tmp_path / "year.csv"
    file.write_text("\n".join(rows(template)) + "\n")
    environment = operator_of(either_service)
    for share in (0.25, 0.6):
        kill_once_it_has_done(int(LINES_COUNT * share), file, environment)
    ended = run(environment, "import", file, "--json")
    assert ended.returncode == ExitCode.PARTLY_DONE, ended.stderr
    assert "goes on after line" in ended.stderr

    wrong = {str(number) for number in range(LINES_COUNT) if is_wrong(number)}
    groups = LINES_COUNT // JOBS_PER_GROUP
    document = json.loads(ended.stdout)
    assert (document["lines"], document["rejected"]) == (LINES_COUNT + 1, len(wrong))
    assert (document["groups"], document["jobs"]) == (groups, LINES_COUNT - len(wrong))
    found = effects(either_service, template)
    assert (found["groups"], found["jobs"], found["lines"]) == (
        groups,
        LINES_COUNT - len(wrong),
        LINES_COUNT - len(wrong),
    )
    assert (found["sealed"], found["generations"], found["versions"]) == (groups - len(wrong), 1, 2)
    assert (found["job_group.created"], found["job_group.jobs_added"]) == (groups, groups)
    with (tmp_path / "year.rejected.csv").open(encoding="utf-8-sig", newline="") as kept:
        assert Counter(row["externalId"] for row in csv.DictReader(kept)) == Counter(wrong)
