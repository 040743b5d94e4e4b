"""The process that takes plain JSON commands from producers in any language and passes them on as Celery messages.

A document is acknowledged once its command is confirmed in the command queue, or lies among the dead letters. One that
is passed on twice, because this process died in between, has the same command id and takes effect once.
"""

from collections.abc import Sequence
from threading import Event

import structlog
from prometheus_client import REGISTRY
from sqlalchemy import Engine

from client.broker import broker_errors, is_redis
from client.producer import BrokerUnavailable, CommandProducer
from client.span_export import start_tracing
from heartbeat import Heartbeat
from logs import configure_logging
from models import names
from models.command_document import UnreadableDocument, read_document
from models.commands import MAX_BATCH_BYTES, CommandEnvelope
from models.dead_letter import DeadLetter, DeadLetterReason
from models.store.engine import DatabaseUnavailable, make_engine
from settings import Settings
from tasks.connections import redis
from tasks.dead_letters import bury_messages
from workers.intake_queue import QueueSource
from workers.intake_source import Received, Source
from workers.intake_stream import StreamSource
from workers.lifetime import run_until_stopped
from workers.metrics.intake import DOCUMENTS
from workers.metrics.queues import queue_facts

CONFIRM_SECONDS = 15

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Take commands in until told to stop."""
    configure_logging(settings.log_level)
    start_tracing("intake")
    broker_url = settings.require("broker_url")
    engine = make_engine(settings.require("database_url"))
    REGISTRY.register(queue_facts(broker_url, names.INTAKE))

    def take_in(stop: Event) -> None:
        source: Source = StreamSource(broker_url) if is_redis(broker_url) else QueueSource(broker_url)
        try:
            with CommandProducer(broker_url) as producer:
                while not stop.is_set():
                    _pass_on(source, producer, engine)
        finally:
            source.close()

    errors = (DatabaseUnavailable, BrokerUnavailable, *broker_errors(broker_url))
    run_until_stopped(take_in, errors, Heartbeat(settings.heartbeat_file))


def _pass_on(source: Source, producer: CommandProducer, engine: Engine) -> None:
    passed_on, dead = _send(source.receive(), producer)
    # First: a letter that cannot be kept while the database is away must not send all of them again and again.
    if passed_on:
        source.acknowledge(passed_on)
        DOCUMENTS.labels("passed_on").inc(len(passed_on))
    if dead:
        bury_messages(engine, redis(), [letter for _, letter in dead])
        source.acknowledge([message for message, _ in dead])
        DOCUMENTS.labels("dead").inc(len(dead))


def _send(
    messages: Sequence[Received], producer: CommandProducer
) -> tuple[list[Received], list[tuple[Received, DeadLetter]]]:
    """Send every command among `messages` and wait for the broker's word; return those, and what was no command."""
    sent, ids, dead, confirmations = [], [], [], []
    for message in messages:
        if message.dead:
            dead.append((message, message.dead))
            continue
        try:
            command = _command(message.body)
            confirmations.append(producer.send(command))
            sent.append(message)
            ids.append(command.id)
        except (UnreadableDocument, ValueError) as error:
            letter = DeadLetter(DeadLetterReason.INVALID_COMMAND, str(error), names.INTAKE, message.body)
            dead.append((message, letter))
    for confirmation in confirmations:
        confirmation.result(CONFIRM_SECONDS)
    if ids:
        log.info("commands_passed_on", command_ids=ids)
    return sent, dead


def _command(body: bytes) -> CommandEnvelope:
    # It would not fit into a message. One that fits and is too large for a command is refused by its handler.
    if len(body) > MAX_BATCH_BYTES:
        raise UnreadableDocument(f"the document is larger than {MAX_BATCH_BYTES} bytes")
    return read_document(body)
