"""Transactions that run against each other."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from models import names
from models.commands import CommandEnvelope
from tests.commands import command, create, delete, eventually, new_id, patch, select, update
from tests.faults.actors import Sabotage
from tests.faults.conftest import COMMAND_COUNT, GROUP_COUNT, OpenStage
from tests.faults.contention import (
    account_with,
    chunks_of,
    deadlock_count,
    lasting_plan,
    logged_count,
    rogues,
    send_in_step,
)
from tests.faults.load import Load
from tests.faults.plan import GroupStory, chunked, plan
from tests.faults.servers import Servers
from tests.faults.stage import Stage

OVERTAKEN = """
SELECT count(*) FROM (
    SELECT ordinal < max(ordinal) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING) AS late
    FROM events WHERE position IS NOT NULL
) AS published WHERE late
"""
DEADLOCK_COUNT = 20
"""After so many it is enough."""
UNSERIALIZABLE = "could not serialize access"


@pytest.mark.quick("redis")
def test_commits_in_the_reverse_order(open_stage: OpenStage) -> None:
    """transactions commit in another order than the one in which their events took their numbers"""
    with open_stage(sabotage={"worker": Sabotage(mutations=("commit_late",))}, worker_concurrency=6) as s:
        s.load.start()
        s.expect_all_invariants()
        (found,) = select(s.database_url, OVERTAKEN)
        s.figures["overtaken"] = found["count"]
        assert found["count"] > 0, "no transaction overtook another: the scenario has shown nothing"


def test_deadlocks(open_stage: OpenStage, servers: Servers) -> None:
    """deadlocks: 8 writers on 8 groups, and other sessions that lock groups and jobs in the opposite order"""
    with (
        account_with(servers, "deadlock_timeout", "100ms") as address,
        open_stage(worker_concurrency=8, database_url=address) as s,
    ):
        before = deadlock_count(s.database_url)
        s.load = Load(s.broker_url, lasting_plan(s.seed, COMMAND_COUNT, 8))
        with rogues(s.database_url, _lock_groups_backwards, _lock_a_job_first):
            s.load.start()
            eventually(lambda: deadlock_count(s.database_url) - before >= DEADLOCK_COUNT, 60)
        s.healed()
        s.expect_all_invariants()
        s.figures["deadlocks"] = deadlock_count(s.database_url) - before


def _lock_groups_backwards(session: Connection) -> None:
    for group_id in session.scalars(text("SELECT id FROM job_groups ORDER BY id DESC LIMIT 3")).all():
        session.execute(text("SELECT 1 FROM job_groups WHERE id = :id FOR UPDATE"), {"id": group_id})
        time.sleep(0.1)


def _lock_a_job_first(session: Connection) -> None:
    some = "SELECT group_id FROM jobs WHERE status = 'processing' ORDER BY id LIMIT 20 FOR UPDATE"
    group_ids = set(session.scalars(text(some)))
    time.sleep(0.1)
    session.execute(text("SELECT 1 FROM job_groups WHERE id = ANY(:ids) FOR UPDATE"), {"ids": list(group_ids)})


def test_serialization_failures(open_stage: OpenStage, servers: Servers) -> None:
    """serialization failures: 8 writers on one group, every transaction serializable"""
    with (
        account_with(servers, "default_transaction_isolation", "serializable") as address,
        open_stage(worker_concurrency=4, database_url=address) as s,
    ):
        before = logged_count(servers, UNSERIALIZABLE)
        s.actors.start("worker", "worker-2")
        creation, *others = lasting_plan(s.seed, COMMAND_COUNT, 1)
        send_in_step(s, [[creation]])
        s.wait_for_outcomes(1)
        send_in_step(s, [others])
        s.expect_all_invariants()
        s.figures["serialization_failures"] = logged_count(servers, UNSERIALIZABLE) - before
        assert s.figures["serialization_failures"] > 0, "every transaction went through: nothing was shown"


def test_every_command_ten_times_at_once(open_stage: OpenStage) -> None:
    """every command ten times at once, by all ways in and over thirty connections"""
    with open_stage(worker_concurrency=4) as s:
        commands = [
            command for chunk in plan(s.seed, COMMAND_COUNT // 10, GROUP_COUNT // 10) for command in chunk.commands
        ]
        send_in_step(s, [chunks_of(commands, 10, first=copy) for copy in range(10)])
        s.expect_all_invariants()
        assert s.figures["sent"] == 10 * len(commands)


def test_reordered_and_stale(open_stage: OpenStage) -> None:
    """commands in any order, creations of every fourth group included; a third of them expect some version"""
    with open_stage(worker_concurrency=4) as s:
        s.load = Load(s.broker_url, list(chunked(_reordered(s.seed), random.Random(s.seed))))
        s.load.start()
        s.expect_all_invariants()
        s.figures["refusals"] = _expect_consistent(s, s.load.accepted)


class _StaleStory(GroupStory):
    def _on_group(self, type_: str, **data: Any) -> CommandEnvelope:
        if self.choice.random() < 0.5:
            data["expectedVersion"] = self.choice.randint(1, 6)
        return super()._on_group(type_, **data)


def _reordered(seed: int) -> list[CommandEnvelope]:
    choice = random.Random(seed)
    stories = [_StaleStory(random.Random(choice.random())) for _ in range(GROUP_COUNT)]
    told = [list(story.tell(COMMAND_COUNT // GROUP_COUNT)) for story in stories]
    in_time = [commands.pop(0) for number, commands in enumerate(told) if number % 4]
    others = [command for commands in told for command in commands]
    return in_time + choice.sample(others, k=len(others))


def _expect_consistent(s: Stage, sent: Mapping[str, CommandEnvelope]) -> dict[str, int]:
    """Every refusal has a reason that fits its command; whoever expected a version met it or changed nothing."""
    first_versions = {
        row["causation_id"]: row["version"]
        for row in select(
            s.database_url,
            "SELECT causation_id, min(CAST(data->>'version' AS int)) AS version FROM events"
            " WHERE sequence IS NOT NULL GROUP BY causation_id",
        )
    }
    refusals: Counter[str] = Counter()
    for row in select(s.database_url, "SELECT id, outcome FROM commands"):
        if row["id"] not in sent:
            continue  # housekeeping's own
        expected = sent[row["id"]].data.get("expectedVersion")
        error = row["outcome"].get("error")
        if error is None:
            assert expected is None or first_versions.get(row["id"], expected + 1) == expected + 1, row
        else:
            refusals[error["code"]] += 1
            assert row["id"] not in first_versions, f"refused and half done: {row}"
            assert error["code"] != "version_conflict" or error["currentVersion"] != expected is not None, row
    assert refusals.keys() == {"not_found", "version_conflict", "illegal_transition"}
    return dict(refusals)


def test_delete_against_the_rest(open_stage: OpenStage) -> None:
    """delete against update, patch, job.add and job.report, each by its own connection, on the same groups at once"""
    with open_stage(worker_concurrency=6) as s:
        choice = random.Random(s.seed)
        group_ids = [str(UUID(int=choice.getrandbits(128), version=4)) for _ in range(COMMAND_COUNT // 10)]
        jobs = {group_id: {"id": new_id(), "document": {"uri": "file:///page.pdf"}} for group_id in group_ids}
        send_in_step(s, [chunks_of([create(id_) for id_ in group_ids], 25)])
        s.wait_for_outcomes(1)
        send_in_step(s, [chunks_of([_add(id_, jobs[id_]) for id_ in group_ids], 25)])
        s.expect_all_invariants()
        races = [
            [delete(id_) for id_ in group_ids],
            [delete(id_) for id_ in group_ids],
            [patch(id_, {"description": "patched"}) for id_ in group_ids],
            [update(id_, description="updated") for id_ in group_ids],
            [_add(id_, {"id": new_id(), "document": {"uri": "file:///late.pdf"}}) for id_ in group_ids],
            [_report(id_, jobs[id_]) for id_ in group_ids],
        ]
        send_in_step(s, [chunks_of(commands, 4, first=number) for number, commands in enumerate(races)])
        s.expect_all_invariants()
        racers = {command.id: command for commands in races for command in commands}
        s.figures["before_deletion"], s.figures["after_deletion"] = _expect_deletions_last(s, racers)
        assert min(s.figures["before_deletion"], s.figures["after_deletion"]) > 0, "one side won every race"


def _add(group_id: str, job: dict[str, Any]) -> CommandEnvelope:
    return command(names.JOB_ADD, {"groupId": group_id, "jobs": [job], "last": False})


def _report(group_id: str, job: dict[str, Any]) -> CommandEnvelope:
    told = {"jobId": job["id"], "groupId": group_id, "attempt": 1, "status": "succeeded", "confidence": 0.9}
    return command(names.JOB_REPORT, {"reports": [told]})


def _expect_deletions_last(s: Stage, racers: Mapping[str, CommandEnvelope]) -> tuple[int, int]:
    """Each group's deletion is its last event; whatever succeeded came before it, all else was told "not found"."""
    events = select(
        s.database_url,
        "SELECT CAST(group_id AS text), sequence, name, causation_id FROM events"
        " WHERE sequence IS NOT NULL ORDER BY group_id, sequence",
    )
    last = {event["group_id"]: event for event in events}
    assert {event["name"] for event in last.values()} == {names.JOB_GROUP_DELETED}
    assert sum(event["name"] == names.JOB_GROUP_DELETED for event in events) == len(last)
    causes = {event["causation_id"] for event in events}
    outcomes = {row["id"]: row["outcome"] for row in select(s.database_url, "SELECT id, outcome FROM commands")}
    succeeded = {id_ for id_ in racers if outcomes[id_]["status"] == "succeeded"}
    assert succeeded == causes & racers.keys(), "an outcome is not what happened"
    refusals = {outcomes[id_]["error"]["code"] for id_ in racers.keys() - succeeded}
    assert refusals == {"not_found"}
    return len(succeeded) - len(last), len(racers) - len(succeeded)
