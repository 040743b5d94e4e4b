"""A subscriber's queue: where the broker keeps the events for it while it is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from amqp.exceptions import AccessRefused
from kombu.connection import Connection
from kombu.entity import Queue, binding

from client.broker import DELIVERY_LIMIT_COUNT, EVENT_EXCHANGE


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """What came from a queue, until it is acknowledged; `receipt` is the queue's own."""

    body: bytes
    receipt: Any


class EventQueue(Protocol):
    """One reader's place at a queue. Only the thread that opened it may use it. Everything raises what
    `client.broker.broker_errors` names where the broker is away, and nothing in hand belongs to this reader then."""

    def receive(self, timeout_seconds: float) -> Sequence[Delivery]:
        """Return what has come, after `timeout_seconds` nothing. To be called every few seconds, whether or not there
        is room for more: it tells the broker that this reader lives."""

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Have the broker forget them."""

    def withdraw(self, unbegun: Sequence[Delivery]) -> None:
        """Take no more, and let others have `unbegun`, which may come to them behind what is younger."""

    def close(self) -> None:
        """Leave. What was not acknowledged comes again, before what is younger."""


def event_queue(name: str, patterns: Sequence[str], *, shared: bool = False) -> Queue:
    """Return the durable queue `name` of the events whose names match one of `patterns`, such as `job_group.*`.

    One process at a time reads it, so that events keep their order, unless it is `shared`.
    """
    # RabbitMQ 4 gives a message up after 20 deliveries where nothing else is said; and only where there is a limit
    # does one that comes again keep its place.
    in_order = {"x-single-active-consumer": True, "x-delivery-limit": DELIVERY_LIMIT_COUNT}
    return Queue(
        name,
        bindings=[binding(EVENT_EXCHANGE, routing_key=pattern) for pattern in patterns],
        queue_arguments={"x-queue-type": "quorum"} | ({} if shared else in_order),
    )


def declare(connection: Connection, queue: Queue) -> None:
    """Have the broker keep events in `queue` from now on."""
    try:
        queue(connection.channel()).declare()
    except AccessRefused:
        # A subscriber's broker user need not be allowed to make the exchange, which is the relay's.
        bound = queue(connection.channel())
        bound.queue_declare()
        for each in bound.bindings:
            each.bind(bound)
