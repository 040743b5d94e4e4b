"""RabbitMQ as the broker: whether it answers, has the queues as they must be, and whether somebody reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from amqp.exceptions import AccessRefused, NotAllowed, NotFound, PreconditionFailed
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from client.broker import COMMAND_QUEUE, DEAD_LETTER_QUEUE, EVENT_EXCHANGE, INTAKE_QUEUE, broker_errors, connect
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Away, Finding, fault, fine, warning

NEEDED_BY = (
    (COMMAND_QUEUE, "worker, intake and api"),
    (INTAKE_QUEUE, "intake"),
    (DEAD_LETTER_QUEUE, "intake"),
    (EVENT_EXCHANGE, "relay"),
)


@dataclass(frozen=True)
class Node:
    """A connection to RabbitMQ. An error ends the channel that it came on: every question has one of its own."""

    connection: Connection

    def declare(self, entity: Queue | Exchange) -> None:
        """Declare `entity` as the processes do; raises AccessRefused or PreconditionFailed."""
        with self.connection.channel() as channel:
            entity(channel).declare()

    def exists(self, entity: Queue | Exchange) -> bool:
        """Return whether somebody has declared `entity`, however."""
        try:
            with self.connection.channel() as channel:
                if isinstance(entity, Queue):
                    channel.queue_declare(entity.name, passive=True)
                else:
                    channel.exchange_declare(entity.name, entity.type, passive=True)
        except NotFound:
            return False
        return True

    def waiting_and_readers(self, queue: Queue) -> tuple[int, int]:
        """Return how many messages wait in `queue`, and how many read from it."""
        with self.connection.channel() as channel:
            told = channel.queue_declare(queue.name, passive=True)
        return told.message_count, told.consumer_count


@contextmanager
def reach(circumstances: Circumstances) -> Iterator[Node]:
    """Give a connection; raises Away."""
    url = circumstances.address("broker_url")
    with connect(url) as connection:
        try:
            connection.connect()
        except (AccessRefused, NotAllowed) as error:
            raise Away(
                fault(
                    f"RabbitMQ does not let this user in: {error.reply_text}.",
                    "Correct user, password and virtual host in JOBGROUPS_BROKER_URL, or let them in (rabbitmqctl).",
                )
            ) from None
        except broker_errors(url) as error:
            raise Away(
                fault(
                    f"RabbitMQ does not answer: {error}.",
                    "See that it runs, and that JOBGROUPS_BROKER_URL names its host and port.",
                )
            ) from None
        yield Node(connection)


def answers(node: Node) -> Finding:
    """Say which server answers."""
    return fine(f"RabbitMQ answers at {node.connection.hostname}.")


def durability(node: Node) -> Finding:
    """Declare what is there once more, which changes nothing: RabbitMQ refuses what differs, and whoever may not."""
    refused = []
    for entity, processes in NEEDED_BY:
        if not node.exists(entity):
            continue  # made by the first process that needs it
        try:
            node.declare(entity)
        except PreconditionFailed as error:
            return fault(
                f"{entity.name} is not as it must be: {error.reply_text}.",
                f"Once it is empty, delete it (`rabbitmqctl delete_queue {entity.name}`) and start the processes anew: "
                "they make it. Whoever made it must name the exchange, and declare no queue.",
            )
        except AccessRefused:
            refused.append(f"{entity.name} ({processes})")
    if refused:
        return warning(
            f"This user may not declare {', '.join(refused)}.",
            "Those processes need a user who may: docs/security.md says what each needs.",
        )
    return fine("The queues are durable, and as they must be.")


def worker(node: Node) -> Finding:
    """Say whether somebody takes commands."""
    return _read(node, COMMAND_QUEUE, "worker", "messages")


def intake(node: Node) -> Finding:
    """Say whether somebody takes JSON commands."""
    return _read(node, INTAKE_QUEUE, "intake", "documents")


def _read(node: Node, queue: Queue, process: str, things: str) -> Finding:
    """RabbitMQ forgets a reader that misses two heartbeats, which come every ten seconds: readers are alive."""
    start = f"Start one: `jobgroups {process}`. Where one should run, its log says why it ended."
    if not node.exists(queue):
        return fault("None has ever read from this RabbitMQ.", start)
    waiting, readers = node.waiting_and_readers(queue)
    if not readers:
        return fault(f"None is connected; {waiting} {things} wait.", start)
    return fine(f"{readers} connected, {waiting} {things} wait.")
