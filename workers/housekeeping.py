"""The process that does what is due: work that waits as rows in the database, never as timers in the broker."""

import time
from threading import Event

import structlog
from prometheus_client import REGISTRY
from sqlalchemy import Engine, event

from client.span_export import start_tracing
from heartbeat import Heartbeat
from logs import configure_logging
from models.store.engine import DatabaseUnavailable, make_engine
from models.store.retention import (
    forget_commands,
    forget_dead_letters,
    forget_deliveries,
    forget_events,
    forget_jobs,
)
from models.store.unit_of_work import ConcurrentWrite
from models.store.vital_signs import HOUSEKEEPING
from settings import Settings
from tasks.due_work import delete_finished_groups, do_due_work
from workers.lifetime import run_until_stopped
from workers.metrics.database import database_facts
from workers.metrics.housekeeping import LAST_ROUND, TIDIED, WOKEN

DUE_WORK_SECONDS = 1.0
RETENTION_SECONDS = 60.0

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Do what is due, every second, and forget what is old, every minute, until told to stop.

    Two of these, on one machine or two, do no harm.
    """
    configure_logging(settings.log_level)
    start_tracing("housekeeping")
    engine = make_engine(settings.require("database_url"), name=HOUSEKEEPING)
    heartbeat = Heartbeat(settings.heartbeat_file)
    # After an outage a round may have a great many transactions: each of them is progress.
    event.listen(engine, "commit", lambda _: heartbeat.beat())
    REGISTRY.register(database_facts(settings.require("database_url")))
    tidied_at = float("-inf")

    def keep_house(stop: Event) -> None:
        nonlocal tidied_at
        woken = do_due_work(engine)
        WOKEN.inc(woken)
        if woken:
            log.info("groups_woken", count=woken)
        if time.monotonic() - tidied_at >= RETENTION_SECONDS:
            _tidy(engine, settings)
            tidied_at = time.monotonic()
        LAST_ROUND.set_to_current_time()
        stop.wait(DUE_WORK_SECONDS)

    run_until_stopped(keep_house, (DatabaseUnavailable, ConcurrentWrite), heartbeat)


def _tidy(engine: Engine, settings: Settings) -> None:
    tidied = {"commands_forgotten": forget_commands(engine, older_than_days=settings.inbox_retention_days)}
    tidied["deliveries_forgotten"] = forget_deliveries(engine, older_than_days=settings.deliveries_retention_days)
    tidied["letters_forgotten"] = forget_dead_letters(engine, older_than_days=settings.replayed_retention_days)
    tidied["jobs_forgotten"] = forget_jobs(engine, older_than_days=settings.deleted_retention_days)
    if settings.finished_retention_days is not None:
        tidied["groups_deleted"] = delete_finished_groups(engine, older_than_days=settings.finished_retention_days)
    if settings.events_retention_days is not None:
        tidied["events_forgotten"] = forget_events(engine, older_than_days=settings.events_retention_days)
    for rows, count in tidied.items():
        TIDIED.labels(rows.partition("_")[0]).inc(count)
    if any(tidied.values()):
        log.info("tidied", **tidied)
