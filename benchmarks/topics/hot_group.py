"""Reports from many engines on one group, whose counts must stay exact."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from benchmarks.alternation import Contestants, alternate
from benchmarks.backlog import rate
from benchmarks.naive_reports import handle_each
from benchmarks.peers import PROCESS_COUNT
from benchmarks.sending import empty_queue, send_batches
from benchmarks.stage import Stage, stage
from benchmarks.table import Table
from models import names
from models.commands import CommandEnvelope
from models.store.engine import make_engine
from tasks.handling import handle

JOB_COUNT = 50_000
ADDED_COUNT = 1_000
NAIVE_COUNT = 6_000
SENDER_COUNT = 4
PER_MESSAGE_COUNT = 100

OURS = f"ours, commands of {PER_MESSAGE_COUNT} reports"
SINGLY = "ours, commands of one report, 100 in a message"
NAIVE = "a transaction for each report"
NAIVE_RATIO = 20.0

SAID = f"""\
One group with {JOB_COUNT:,} jobs that are being processed. {SENDER_COUNT} processes report that each has succeeded, \
through Redis and our worker ({PROCESS_COUNT} pool children). Against it {SENDER_COUNT} processes that handle \
{NAIVE_COUNT:,} of the reports with SQLAlchemy on the same tables: lock the group, look at the job, update job and \
counts, insert event and inbox row, commit. The group's count of succeeded jobs is read from outside, from the first \
tenth to the last; a run in which the counts, the jobs and the events do not agree in the end is an error."""

Report = dict[str, Any]
Worked = Callable[[Stage, UUID, Sequence[Report]], Any]


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Measure one table."""
    with stage(with_rabbitmq=False) as servers:
        contestants: Contestants = {
            OURS: partial(_run, servers, JOB_COUNT, partial(_ours, per_command=PER_MESSAGE_COUNT)),
            SINGLY: partial(_run, servers, JOB_COUNT, partial(_ours, per_command=1)),
            NAIVE: partial(_run, servers, NAIVE_COUNT, _naive),
        }
        keep(
            Table(
                topic="hot group",
                title=f"{JOB_COUNT:,} job reports on one group",
                unit="reports/s",
                ours=OURS,
                figures=alternate(contestants, rounds, "reports/s"),
                required={NAIVE: NAIVE_RATIO},
                said=SAID,
            )
        )


def _run(servers: Stage, count: int, working: Worked) -> float:
    servers.clean()
    empty_queue(servers.redis_url)
    group_id, reports = _processing(servers)
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection:

        def succeeded() -> int:
            query = "SELECT succeeded_count FROM job_groups WHERE id = %s"
            ((found,),) = connection.execute(query, [group_id]).fetchall()
            return int(found)

        with working(servers, group_id, reports[:count]):
            figure = rate(succeeded, count)
        _assert_exact(connection, group_id, count)
    return figure


def _processing(servers: Stage) -> tuple[UUID, list[Report]]:
    """Make a group whose jobs are all under way; return its id and a report for each job."""
    group_id, job_ids = uuid7(), [str(uuid7()) for _ in range(JOB_COUNT)]
    fields = {"id": str(group_id), "name": "Hot", "template": "standard-invoice"}
    setup = [CommandEnvelope(id=str(uuid7()), type=names.JOB_GROUP_CREATE, data=fields)]
    for start in range(0, JOB_COUNT, ADDED_COUNT):
        added = [{"id": id_, "document": {"uri": f"s3://{id_}"}} for id_ in job_ids[start : start + ADDED_COUNT]]
        data = {"groupId": str(group_id), "jobs": added, "last": False}
        setup.append(CommandEnvelope(id=str(uuid7()), type=names.JOB_ADD, data=data))
    engine = make_engine(servers.database_url)
    for envelope in setup:
        (outcome,) = handle(engine, [envelope])
        assert outcome.status == "succeeded", outcome
    engine.dispose()
    said = {"groupId": str(group_id), "attempt": 1, "status": "succeeded", "confidence": 0.97}
    return group_id, [{**said, "jobId": id_, "result": {"total": "119.00", "currency": "EUR"}} for id_ in job_ids]


@contextmanager
def _ours(servers: Stage, group_id: UUID, reports: Sequence[Report], *, per_command: int) -> Iterator[None]:
    settings = servers.settings("redis", worker_concurrency=PROCESS_COUNT)
    with servers.service(settings, "worker"), _in_processes(_send, servers.redis_url, reports, per_command):
        yield


def _naive(servers: Stage, group_id: UUID, reports: Sequence[Report]) -> Any:
    return _in_processes(_handle_each, servers.database_url, reports, group_id)


def _send(broker_url: str, reports: Sequence[Report], per_command: int) -> None:
    parts = [reports[start : start + per_command] for start in range(0, len(reports), per_command)]
    commands = [CommandEnvelope(id=str(uuid7()), type=names.JOB_REPORT, data={"reports": part}) for part in parts]
    send_batches(broker_url, commands, PER_MESSAGE_COUNT // per_command)


def _handle_each(database_url: str, reports: Sequence[Report], group_id: UUID) -> None:
    handle_each(database_url, group_id, reports)


@contextmanager
def _in_processes(
    work: Callable[[str, Sequence[Report], Any], None], url: str, reports: Sequence[Report], more: object
) -> Iterator[None]:
    """Share `reports` among the senders, each a process, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    shares = [(url, reports[number::SENDER_COUNT], more) for number in range(SENDER_COUNT)]
    processes = [context.Process(target=work, args=share, daemon=True) for share in shares]
    for process in processes:
        process.start()
    yield
    for process in processes:
        process.join(60)
        assert process.exitcode == 0, f"a sender ended with status {process.exitcode}"


def _assert_exact(connection: psycopg.Connection[Any], group_id: UUID, count: int) -> None:
    query = """
        SELECT processing_count, succeeded_count,
               (SELECT count(*) FROM jobs WHERE group_id = g.id AND status = 'succeeded'),
               (SELECT count(*) FROM events WHERE group_id = g.id AND name = 'job.succeeded')
        FROM job_groups g WHERE id = %s"""
    found = connection.execute(query, [group_id]).fetchone()
    assert found == (JOB_COUNT - count, count, count, count), f"the counts are not exact: {found}"
