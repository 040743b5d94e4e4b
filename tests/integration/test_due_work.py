"""What is due is found as rows and done once, whoever looks for it, and how often."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from uuid_utils.compat import uuid7

from models.commands import CommandEnvelope
from models.store.reconciling import find_drift, repair
from models.store.retention import forget_events, forget_jobs
from tasks.due_work import delete_finished_groups, do_due_work
from tasks.handling import handle


def ask(engine: Engine, type_: str, **data: Any) -> str:
    envelope = CommandEnvelope(id=str(uuid7()), type=type_, data=data)
    (outcome,) = handle(engine, [envelope])
    assert outcome is not None
    assert outcome.status == "succeeded", outcome
    return str(outcome.group_id)


def group_with_jobs(engine: Engine, count: int = 2, **settings: Any) -> str:
    group_id = ask(engine, "job_group.create", name="g", template="t", processingSettings=settings)
    documents = [{"document": {"uri": f"file:///{number}"}} for number in range(count)]
    return ask(engine, "job.add", groupId=group_id, jobs=documents)


def sql(engine: Engine, statement: str, **parameters: Any) -> list[Any]:
    with engine.begin() as connection:
        result = connection.execute(text(statement), parameters)
        return list(result) if result.returns_rows else []


def status_of_jobs(engine: Engine) -> list[str]:
    return [row.status for row in sql(engine, "SELECT status FROM jobs ORDER BY number")]


def let_leases_lapse(engine: Engine) -> None:
    sql(engine, "UPDATE jobs SET lease_expires_at = now() - interval '1 second' WHERE status = 'processing'")


def test_a_lapsed_lease_is_a_failed_attempt_and_the_job_gets_another(engine: Engine) -> None:
    group_with_jobs(engine, retryBackoff={"initialSeconds": 3600})
    assert do_due_work(engine) == 0
    let_leases_lapse(engine)
    assert do_due_work(engine) == 1
    assert status_of_jobs(engine) == ["queued", "queued"]
    errors = sql(engine, "SELECT error->>'code' AS code, next_attempt_at > now() AS later FROM jobs")
    assert [(row.code, row.later) for row in errors] == [("lease_expired", True)] * 2


def test_a_retry_is_dispatched_when_its_backoff_is_over_and_not_before(engine: Engine) -> None:
    group_with_jobs(engine, count=1, retryBackoff={"initialSeconds": 3600})
    let_leases_lapse(engine)
    do_due_work(engine)
    assert do_due_work(engine) == 0
    sql(engine, "UPDATE jobs SET next_attempt_at = now() - interval '1 second'")
    assert do_due_work(engine) == 1
    assert sql(engine, "SELECT status, attempts FROM jobs")[0] == ("processing", 2)


def test_a_retry_that_is_due_in_a_full_or_paused_group_wakes_nobody(engine: Engine) -> None:
    paused = group_with_jobs(engine, count=1, retryBackoff={"initialSeconds": 0})
    ask(engine, "job_group.pause", id=paused)
    let_leases_lapse(engine)
    assert do_due_work(engine) == 1
    assert do_due_work(engine) == 0
    ask(engine, "job_group.resume", id=paused)
    assert status_of_jobs(engine) == ["processing"]


def test_a_group_out_of_time_expires_with_what_it_had_in_its_queue(engine: Engine) -> None:
    group_id = group_with_jobs(engine, count=3, maxConcurrency=1, expiresAfterSeconds=3600)
    sql(engine, "UPDATE job_groups SET expires_at = now() - interval '1 second'")
    assert do_due_work(engine) == 1
    assert status_of_jobs(engine) == ["processing", "expired", "expired"]
    let_leases_lapse(engine)
    assert do_due_work(engine) == 1
    assert status_of_jobs(engine) == ["expired"] * 3
    names = [row.name for row in sql(engine, "SELECT name FROM events WHERE group_id = :id", id=group_id)]
    assert names.count("job_group.expired") == 1
    assert do_due_work(engine) == 0


def test_two_housekeepers_at_once_do_it_once(engine: Engine) -> None:
    for _ in range(30):
        group_with_jobs(engine, count=2, maxAttempts=2, retryBackoff={"initialSeconds": 3600})
    let_leases_lapse(engine)
    with ThreadPoolExecutor(4) as housekeepers:
        list(housekeepers.map(do_due_work, [engine] * 4))
    scheduled = sql(engine, "SELECT count(*) AS count FROM events WHERE name = 'job.retry_scheduled'")
    assert scheduled[0].count == 60
    with engine.connect() as connection:
        assert find_drift(connection) == []


def test_finished_groups_are_deleted_as_their_owners_would(engine: Engine) -> None:
    old = ask(engine, "job_group.create", name="old", template="t")
    ask(engine, "job_group.seal", id=old)
    young = ask(engine, "job_group.create", name="young", template="t")
    ask(engine, "job_group.seal", id=young)
    sql(engine, "UPDATE job_groups SET finished_at = now() - interval '31 days' WHERE id = :id", id=old)
    assert delete_finished_groups(engine, older_than_days=30) == 1
    deleted = sql(engine, "SELECT group_id, actor FROM events WHERE name = 'job_group.deleted'")
    assert [(str(row.group_id), row.actor) for row in deleted] == [(old, "housekeeping")]


def test_the_jobs_of_groups_deleted_long_ago_go(engine: Engine) -> None:
    for age in (31, 29):
        group_id = group_with_jobs(engine)
        ask(engine, "job_group.delete", id=group_id)
        sql(
            engine,
            "UPDATE job_groups SET deleted_at = now() - make_interval(days => :age) WHERE id = :id",
            age=age,
            id=UUID(group_id),
        )
    kept = group_with_jobs(engine)
    assert forget_jobs(engine, older_than_days=30) == 2
    left = {str(row.group_id) for row in sql(engine, "SELECT group_id FROM jobs")}
    assert kept in left
    assert len(left) == 2


def test_only_published_events_are_forgotten(engine: Engine) -> None:
    group_with_jobs(engine)
    sql(engine, "UPDATE events SET occurred_at = now() - interval '31 days'")
    assert forget_events(engine, older_than_days=30) == 0
    sql(engine, "UPDATE events SET position = ordinal WHERE sequence <= 2")
    assert forget_events(engine, older_than_days=30) == 1, "the relay counts on from the newest"


def test_drift_is_found_and_mended(engine: Engine) -> None:
    drifted, sound = group_with_jobs(engine), group_with_jobs(engine)
    empty = ask(engine, "job_group.create", name="empty", template="t")
    with engine.connect() as connection:
        assert find_drift(connection) == []
    sql(engine, "UPDATE job_groups SET processing_count = 7 WHERE id = :id", id=drifted)
    sql(engine, "UPDATE job_groups SET failed_count = 1 WHERE id = :id", id=empty)
    with engine.begin() as connection:
        found = {str(each.group_id): each for each in find_drift(connection)}
        assert set(found) == {drifted, empty}
        assert (found[drifted].stored.processing, found[drifted].actual.processing) == (7, 2)
        repair(connection, [each.group_id for each in found.values()])
        assert find_drift(connection) == []
    assert sound not in found
