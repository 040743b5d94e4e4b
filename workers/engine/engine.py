"""The engine's process: take dispatched jobs, read their documents in threads, report.

An event is acknowledged once the broker has confirmed its report. An engine that dies before leaves the event to the
next one, whose report has the same command id and takes effect once.
"""

import signal
from datetime import UTC, datetime
from functools import partial

import structlog
from pydantic import ValidationError

from client.event_queue import event_queue
from client.memory import Event
from client.producer import BrokerUnavailable, CommandProducer
from client.span_export import start_tracing
from client.subscriber import NotNow, Subscriber
from logs import configure_logging
from metrics import serve_metrics
from models import names
from models.fields import Priority
from settings import Settings
from workers.engine.dispatched_job import DispatchEvent
from workers.engine.reader import Reader
from workers.engine.reports import report

DEFAULT_CONCURRENCY = 4
REPORT_PATIENCE_SECONDS = 15.0
"""How long a report is kept for a broker that is away. After that the document is read again."""

DISPATCHED = tuple(f"{names.JOB_DISPATCHED}.{priority}" for priority in Priority)
ENGINE_QUEUE = event_queue(f"{names.SERVICE}.engine", DISPATCHED, shared=True)
"""Every engine reads this queue, each event going to one of them."""

log = structlog.get_logger()


def run(settings: Settings, reader: Reader, *, concurrency: int = DEFAULT_CONCURRENCY) -> None:
    """Read documents with `concurrency` threads until told to stop; what is being read then is finished and reported.

    Raises MissingSetting without a broker.
    """
    configure_logging(settings.log_level)
    start_tracing("engine")
    broker_url = settings.require("broker_url")
    serve_metrics(settings)
    with CommandProducer(broker_url, patience_seconds=REPORT_PATIENCE_SECONDS) as producer:
        engine = subscriber(broker_url, reader, producer, concurrency)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: engine.stop())
        engine.run()


def subscriber(broker_url: str, reader: Reader, producer: CommandProducer, concurrency: int) -> Subscriber:
    """Return what gives dispatched jobs to `reader`, and its reports to `producer`."""
    handler = partial(_read_and_report, reader, producer)
    return Subscriber(broker_url, ENGINE_QUEUE.name, handler, patterns=DISPATCHED, shared=True, concurrency=concurrency)


def _read_and_report(reader: Reader, producer: CommandProducer, event: Event) -> None:
    """Have the job in `event` read. One that is no job, or that nobody waits for, is done with at once."""
    try:
        dispatched = DispatchEvent.model_validate(event)
    except ValidationError as error:
        log.error("event_not_understood", errors=error.errors(include_url=False, include_input=False))
        return
    if _overdue(dispatched):
        log.warning("lease_expired", job_id=str(dispatched.data.job_id), attempt=dispatched.data.attempt)
        return
    command = report(dispatched, reader)
    try:
        producer.send(command).result()
    except BrokerUnavailable as error:
        raise NotNow from error
    outcome = command.data["reports"][0]
    log.info("reported", job_id=outcome["jobId"], attempt=outcome["attempt"], status=outcome["status"])


def _overdue(event: DispatchEvent) -> bool:
    """The job was given to another attempt by now; reading it would only delay those behind it."""
    expires_at = event.data.lease_expires_at
    return expires_at is not None and expires_at < datetime.now(UTC)
