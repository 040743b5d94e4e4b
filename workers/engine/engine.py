"""The engine's process: take dispatched jobs, read their documents in threads, report, then acknowledge.

An event is acknowledged once the broker has confirmed its report. An engine that dies before leaves the event to the
next one, whose report has the same command id and takes effect once.
"""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event

import structlog
from kombu.connection import Connection
from kombu.entity import Queue, binding
from kombu.message import Message
from kombu.messaging import Consumer
from pydantic import ValidationError

from client.broker import EVENT_EXCHANGE, HEARTBEAT_SECONDS, broker_errors, connect
from client.producer import BrokerUnavailable, CommandProducer
from logs import configure_logging
from models import names
from models.fields import Priority
from settings import Settings
from workers.engine.dispatched_job import DispatchEvent
from workers.engine.reader import Reader
from workers.engine.reports import report
from workers.lifetime import run_until_stopped

DEFAULT_CONCURRENCY = 4
EVENTS_PER_THREAD = 2
"""One being read and one at hand; the rest stays with the broker, for other engines."""
CONFIRM_SECONDS = 15.0
IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.02
"""How long a finished reading may wait for its acknowledgement."""

ENGINE_QUEUE = Queue(
    f"{names.SERVICE}.engine",
    bindings=[binding(EVENT_EXCHANGE, routing_key=f"{names.JOB_DISPATCHED}.{priority}") for priority in Priority],
    queue_arguments={"x-queue-type": "quorum"},
)
"""Every engine reads this queue, each event going to one of them."""

log = structlog.get_logger()


def run(settings: Settings, reader: Reader, *, concurrency: int = DEFAULT_CONCURRENCY) -> None:
    """Read documents with `concurrency` threads until told to stop; what is being read then is finished and reported.

    Raises MissingSetting without a broker.
    """
    configure_logging(settings.log_level)
    broker_url = settings.require("broker_url")
    run_until_stopped(
        lambda stop: serve(broker_url, reader, concurrency, stop),
        (BrokerUnavailable, TimeoutError, *broker_errors(broker_url)),
    )


def serve(broker_url: str, reader: Reader, concurrency: int, stop: Event) -> None:
    """Work over one connection until `stop` is set. Raises what the broker raises, or BrokerUnavailable or TimeoutError
    where it did not confirm a report: the events in hand are then the broker's again."""
    with (
        connect(broker_url, heartbeat_seconds=HEARTBEAT_SECONDS) as connection,
        CommandProducer(broker_url) as producer,
        ThreadPoolExecutor(concurrency, thread_name_prefix="reader") as threads,
    ):
        desk = Desk(reader, producer, threads)
        channel = connection.channel()
        channel.basic_qos(0, concurrency * EVENTS_PER_THREAD, False)
        with Consumer(channel, [ENGINE_QUEUE], on_message=desk.take):
            while not stop.is_set():
                _receive(connection, BUSY_SECONDS if desk.busy else IDLE_SECONDS)
                desk.acknowledge()
        desk.clear()


def _receive(connection: Connection, timeout_seconds: float) -> None:
    with suppress(TimeoutError):
        connection.drain_events(timeout=timeout_seconds)
    connection.heartbeat_check()


class Desk:
    """The events in hand, from their arrival to their acknowledgement. Only the thread that owns the connection, which
    kombu does not let others use, touches it; the reader's threads see events, never messages."""

    def __init__(self, reader: Reader, producer: CommandProducer, threads: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._producer = producer
        self._threads = threads
        self._in_hand: dict[Future[None], Message] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is in hand."""
        return bool(self._in_hand)

    def take(self, message: Message) -> None:
        """Have the event in `message` read. One that is no job, or that nobody waits for, is done with at once."""
        try:
            event = DispatchEvent.model_validate_json(message.body)
        except ValidationError as error:
            log.error("event_not_understood", errors=error.errors(include_url=False, include_input=False))
            message.ack()
            return
        if _overdue(event):
            log.warning("lease_expired", job_id=str(event.data.job_id), attempt=event.data.attempt)
            message.ack()
            return
        self._in_hand[self._threads.submit(self._read_and_report, event)] = message

    def acknowledge(self) -> None:
        """Acknowledge what was reported. Raises BrokerUnavailable or TimeoutError where a report was not confirmed."""
        for reported in [each for each in self._in_hand if each.done()]:
            message = self._in_hand.pop(reported)
            reported.result()
            message.ack()

    def clear(self) -> None:
        """Give back what nobody has begun to read, and wait for the rest. Raises as `acknowledge` does."""
        for unread in [each for each in self._in_hand if each.cancel()]:
            self._in_hand.pop(unread).requeue()
        wait(self._in_hand)
        self.acknowledge()

    def _read_and_report(self, event: DispatchEvent) -> None:
        command = report(event, self._reader)
        self._producer.send(command).result(CONFIRM_SECONDS)
        outcome = command.data["reports"][0]
        log.info("reported", job_id=outcome["jobId"], attempt=outcome["attempt"], status=outcome["status"])


def _overdue(event: DispatchEvent) -> bool:
    """The job was given to another attempt by now; reading it would only delay those behind it."""
    expires_at = event.data.lease_expires_at
    return expires_at is not None and expires_at < datetime.now(UTC)
