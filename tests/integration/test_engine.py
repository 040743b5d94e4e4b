"""The engine between real brokers' queues: dispatched jobs in, reports out, nothing acknowledged too early."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from kombu.connection import Connection
from kombu.message import Message
from kombu.messaging import Consumer, Producer

from client.broker import COMMAND_QUEUE, EVENT_EXCHANGE, connect
from client.producer import BrokerUnavailable, CommandProducer, Confirmation
from client.subscriber import EVENTS_PER_THREAD, Subscriber
from models import names
from models.commands import CommandEnvelope, parse_command
from workers.engine.dispatched_job import DispatchedJob
from workers.engine.engine import ENGINE_QUEUE, subscriber
from workers.engine.reader import Reader, Reading, Unreadable
from workers.engine.reports import command_id

TIMEOUT_SECONDS = 20
GROUP_ID = str(uuid4())


class Broker:
    """A broker as the service uses it: events out, commands in."""

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url
        self._connection = connection
        self._commands: list[CommandEnvelope] = []

    def dispatch(self, priority: str = "medium", event_id: str | None = None, **data: Any) -> str:
        """Publish a `job.dispatched` event and return its id."""
        event_id = event_id or str(uuid4())
        job = {
            "jobId": str(uuid4()),
            "groupId": GROUP_ID,
            "attempt": 1,
            "document": {"uri": "file:///x"},
            "settings": {},
        }
        self.publish(json.dumps({"id": event_id, "data": job | data}), priority)
        return event_id

    def publish(self, body: str, priority: str = "medium") -> None:
        """Publish an event with any body."""
        with Producer(self._connection.channel(), EVENT_EXCHANGE) as producer:
            producer.publish(body, routing_key=f"{names.JOB_DISPATCHED}.{priority}", content_type="application/json")

    def commands(self, count: int) -> list[CommandEnvelope]:
        """Wait for `count` commands and take them off their queue."""
        with Consumer(self._connection.channel(), [COMMAND_QUEUE], on_message=self._take):
            wait_until(lambda: len(self._commands) >= count, lambda: self._connection.drain_events(timeout=0.1))
        taken, self._commands = self._commands, []
        return taken

    def waiting(self) -> int:
        """Return how many events are queued for engines, and in nobody's hand."""
        return int(ENGINE_QUEUE(self._connection.channel()).queue_declare().message_count)

    def _take(self, message: Message) -> None:
        _, kwargs, _ = json.loads(message.body)
        self._commands += [CommandEnvelope.model_validate(command) for command in kwargs["commands"]]
        message.ack()


def wait_until(condition: Callable[[], bool], step: Callable[[], Any] = lambda: time.sleep(0.02)) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        try:
            step()
        except TimeoutError:
            continue


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each broker in turn, with empty queues."""
    url = request.getfixturevalue(f"{request.param}_url")
    with connect(url) as connection:
        for queue in (ENGINE_QUEUE, COMMAND_QUEUE):
            bound = queue(connection.channel())
            bound.declare()
            bound.purge()
        yield Broker(url, connection)


class Reads:
    """A reader that notes what it is given, and finds everything or nothing."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.given: list[DispatchedJob] = []
        self._failure = failure

    def read(self, job: DispatchedJob) -> Reading:
        self.given.append(job)
        if self._failure:
            raise self._failure
        return Reading(0.9, {"total": "1.00"})


class ReadsWhenTold(Reads):
    """A reader that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.go = Event()

    def read(self, job: DispatchedJob) -> Reading:
        reading = super().read(job)
        assert self.go.wait(TIMEOUT_SECONDS)
        return reading


@contextmanager
def working(
    broker: Broker, reader: Reader, concurrency: int = 2, producer: CommandProducer | None = None
) -> Iterator[Subscriber]:
    with CommandProducer(broker.url) as real:
        engine = subscriber(broker.url, reader, producer or real, concurrency)
        thread = Thread(target=engine.run)
        thread.start()
        try:
            yield engine
        finally:
            engine.stop()
            thread.join(TIMEOUT_SECONDS)


def test_every_priority_is_read_and_reported(broker: Broker) -> None:
    reader = Reads()
    with working(broker, reader):
        events = [broker.dispatch(priority) for priority in ("low", "medium", "high", "urgent")]
        commands = broker.commands(4)
    assert {command.id for command in commands} == {command_id(event) for event in events}
    for command in commands:
        parse_command(command)
        assert command.type == names.JOB_REPORT
        [report] = command.data["reports"]
        assert (report["status"], report["confidence"], report["result"]) == ("succeeded", 0.9, {"total": "1.00"})
    assert {report["jobId"] for command in commands for report in command.data["reports"]} == {
        str(job.job_id) for job in reader.given
    }


def test_a_document_that_cannot_be_read_is_reported_too(broker: Broker) -> None:
    with working(broker, Reads(Unreadable("document_unreadable", "no pages", retryable=True))):
        broker.dispatch(attempt=3)
        [command] = broker.commands(1)
    [report] = command.data["reports"]
    assert report["attempt"] == 3
    assert report["error"] == {"code": "document_unreadable", "message": "no pages", "retryable": True}


def test_an_event_delivered_twice_has_one_command_id(broker: Broker) -> None:
    job_id = str(uuid4())
    with working(broker, Reads()):
        for _ in range(2):
            broker.dispatch(event_id="the-same", jobId=job_id)
        first, second = broker.commands(2)
    assert first == second


def test_what_is_no_job_and_what_nobody_waits_for_is_passed_over(broker: Broker) -> None:
    reader = Reads()
    with working(broker, reader):
        for body in ("", "5", "null", "{}", '{"id": "x", "data": {"jobId": 1}}'):
            broker.publish(body)
        broker.dispatch(leaseExpiresAt="2023-01-01T00:00:00Z")
        event = broker.dispatch(leaseExpiresAt="2999-01-01T00:00:00Z")
        [command] = broker.commands(1)
    assert command.id == command_id(event)
    assert len(reader.given) == 1
    assert broker.waiting() == 0


class Unconfirmed(CommandProducer):
    """A producer whose broker confirms nothing."""

    def send(self, _: CommandEnvelope) -> Confirmation:
        refused = Confirmation()
        refused.set_exception(BrokerUnavailable("no confirmation"))
        return refused


def test_an_event_whose_report_was_not_confirmed_is_delivered_again(broker: Broker) -> None:
    event = broker.dispatch()
    reader = Reads()
    with Unconfirmed(broker.url) as producer, working(broker, reader, producer=producer):
        wait_until(lambda: len(reader.given) > 1)
    wait_until(lambda: broker.waiting() == 1)  # RabbitMQ gives back what a closed connection held in its own time
    with working(broker, Reads()):
        [command] = broker.commands(1)
    assert command.id == command_id(event)


def test_no_more_is_taken_than_can_soon_be_read(broker: Broker) -> None:
    reader = ReadsWhenTold()
    for _ in range(10):
        broker.dispatch()
    with working(broker, reader, concurrency=2):
        wait_until(lambda: len(reader.given) == 2)
        wait_until(lambda: broker.waiting() <= 10 - 2 * EVENTS_PER_THREAD)
        time.sleep(0.2)
        assert broker.waiting() == 10 - 2 * EVENTS_PER_THREAD
        reader.go.set()
        assert len(broker.commands(10)) == 10


def test_who_stops_finishes_what_is_being_read_and_gives_back_the_rest(broker: Broker) -> None:
    reader = ReadsWhenTold()
    for _ in range(10):
        broker.dispatch()
    with working(broker, reader, concurrency=2) as engine:
        wait_until(lambda: len(reader.given) == 2)
        engine.stop()
        wait_until(lambda: broker.waiting() == 8)
        reader.go.set()
        assert len(broker.commands(2)) == 2
    wait_until(lambda: broker.waiting() == 8)
    assert len(reader.given) == 2


PROGRAM = """
import sys
from settings import Settings
from workers.engine.engine import run
from workers.engine.simulated import SimulatedReader
run(Settings(broker_url=sys.argv[1]), SimulatedReader(mean_latency_seconds=0.2), concurrency=2)
"""


def test_a_process_ends_at_sigterm_with_its_work_done(broker: Broker) -> None:
    events = {broker.dispatch() for _ in range(40)}
    first = subprocess.Popen([sys.executable, "-c", PROGRAM, broker.url], stderr=subprocess.PIPE, env=dict(os.environ))
    done = broker.commands(5)
    first.send_signal(signal.SIGTERM)
    _, log = first.communicate(timeout=TIMEOUT_SECONDS)
    assert first.returncode == 0, log.decode()
    left = broker.waiting()
    with working(broker, Reads()):
        done += broker.commands(40 - len(done))
    assert left > 0
    assert sorted(command.id for command in done) == sorted(map(command_id, events))
