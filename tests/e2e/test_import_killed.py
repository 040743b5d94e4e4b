"""An import that is killed, twice, or interrupted, and started again: each of its lines takes effect once.

100,000 lines on Redis. On RabbitMQ, where it is no other code but the broker's, 20,000; with FAULTS=full as many.
"""

import csv
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from client.broker import is_redis
from tests.commands import eventually, select
from tests.operating import JOBGROUPS, invoke, operator_of, run
from workers.exit_codes import ExitCode
from workers.supervision.supervisor import Supervisor

MANY_COUNT = 100_000
FEWER_COUNT = MANY_COUNT if os.environ.get("FAULTS") == "full" else 20_000
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


def rows(template: str, count: int) -> Iterator[str]:
    yield "group,name,template,externalId,uri,pageCount"
    for number in range(count):
        group, place = divmod(number, JOBS_PER_GROUP)
        fields = f"Batch {group},{template}" if place == 0 else ","
        yield f"{group},{fields},{number},file:///{number}.pdf,{'many' if is_wrong(number) else 1}"


def noted_lines(journal: Path) -> int:
    """Return how many lines are done, as the journal says; its last line may be half written."""
    whole = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return int(json.loads(whole[-1])["lines"]) if whole else 0


def start(file: Path, environment: dict[str, str], lines_count: int) -> subprocess.Popen[str]:
    """Start an import, and return when it has noted that so many lines are done."""
    journal = file.with_name(f"{file.name}.progress")
    process = subprocess.Popen([*JOBGROUPS, "import", str(file)], env=environment, stderr=subprocess.PIPE, text=True)
    eventually(lambda: process.poll() is not None or noted_lines(journal) >= lines_count, seconds=90)
    assert process.poll() is None, f"it ended by itself: {process.communicate()}"
    return process


def effects(service: Supervisor, template: str) -> dict[str, Any]:
    database_url = service.settings.require("database_url")
    (counts,) = select(database_url, COUNTS, template=template)
    events = {row["name"]: row["count"] for row in select(database_url, EVENTS, template=template)}
    return counts | events


def assert_each_line_took_effect_once(service: Supervisor, template: str, count: int) -> None:
    wrong_count = len([number for number in range(count) if is_wrong(number)])
    groups_count, jobs_count = count // JOBS_PER_GROUP, count - wrong_count
    found = effects(service, template)
    assert (found["groups"], found["jobs"], found["lines"]) == (groups_count, jobs_count, jobs_count)
    assert (found["sealed"], found["generations"], found["versions"]) == (groups_count - wrong_count, 1, 2)
    assert (found["job_group.created"], found["job_group.jobs_added"]) == (groups_count, groups_count)


@pytest.mark.timeout(400)
def test_each_line_takes_effect_once(either_service: Supervisor, tmp_path: Path) -> None:
    count = MANY_COUNT if is_redis(either_service.settings.require("broker_url")) else FEWER_COUNT
    template = f"t-{uuid4()}"
    file = tmp_path / "year.csv"
    file.write_text("\n".join(rows(template, count)) + "\n")
    environment = operator_of(either_service)
    for share in (0.25, 0.6):
        with start(file, environment, int(count * share)) as process:
            process.kill()
        assert process.returncode == -signal.SIGKILL
    ended = run(environment, "import", file, "--json")
    assert ended.returncode == ExitCode.PARTLY_DONE, ended.stderr
    assert "goes on after line" in ended.stderr
    assert_each_line_took_effect_once(either_service, template, count)
    wrong = [str(number) for number in range(count) if is_wrong(number)]
    document = json.loads(ended.stdout)
    assert (document["lines"], document["rejected"]) == (count + 1, len(wrong))
    assert (document["groups"], document["jobs"]) == (count // JOBS_PER_GROUP, count - len(wrong))
    with (tmp_path / "year.rejected.csv").open(encoding="utf-8-sig", newline="") as kept:
        assert [row["externalId"] for row in csv.DictReader(kept)] == wrong


def test_an_import_that_is_interrupted_says_how_to_go_on(service: Supervisor, tmp_path: Path) -> None:
    """Meanwhile nobody else can import the same file."""
    count = 20_000
    template = f"t-{uuid4()}"
    file = tmp_path / "year.csv"
    file.write_text("\n".join(rows(template, count)) + "\n")
    environment = operator_of(service)
    with start(file, environment, 1) as process:
        process.send_signal(signal.SIGSTOP)  # or it may be done before the other one has started
        second = invoke(environment, "import", file)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=30)
    assert (second.exit_code, "another process imports" in second.stderr) == (ExitCode.CONFLICT, True)
    assert (process.returncode, "Start it again with the same words" in said) == (ExitCode.UNEXPECTED, True)
    assert "Traceback" not in said
    assert run(environment, "import", file).returncode == ExitCode.PARTLY_DONE
    assert_each_line_took_effect_once(service, template, count)
