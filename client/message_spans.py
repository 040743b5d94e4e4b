"""Spans of messages, as OpenTelemetry's conventions have them
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans)."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import SpanKind

from client import tracing
from models import names
from models.commands import CommandEnvelope

_SYSTEMS = {"redis": "redis", "rediss": "redis", "amqp": "rabbitmq", "amqps": "rabbitmq"}


def sending(envelope: CommandEnvelope, broker_url: str, confirmed: Future[None]) -> CommandEnvelope:
    """Return `envelope` as it is to be sent, in a span that ends when it is `confirmed`."""
    span = tracing.begin(
        f"send {names.COMMAND_QUEUE}",
        SpanKind.PRODUCER,
        under=tracing.current() or envelope.traceparent,
        attributes={**messaging("send", names.COMMAND_QUEUE, broker_url), **of_command(envelope)},
    )

    def end(done: Future[None]) -> None:
        if done.cancelled() or done.exception():
            tracing.fail(span, "cancelled" if done.cancelled() else type(done.exception()).__name__)
        span.end()

    confirmed.add_done_callback(end)
    return envelope.model_copy(update={"traceparent": tracing.traceparent_of(span)})


@contextmanager
def handling(event: Mapping[str, Any], queue: str, broker_url: str) -> Iterator[None]:
    """Have what a subscriber does with `event`, a CloudEvents document, belong to the event's trace."""
    if not tracing.is_on():
        yield
        return
    attributes = {**messaging("process", queue, broker_url), **of_event(event["id"], str(event.get("type")))}
    if isinstance(caused_by := event.get("causationid"), str):
        attributes["jobgroups.command.id"] = caused_by
    came = str(event.get("traceparent", ""))
    with tracing.stage(f"process {queue}", SpanKind.CONSUMER, under=came, attributes=attributes):
        yield


def messaging(operation: str, destination: str, broker_url: str | None) -> dict[str, str | int]:
    """Return the attributes of an `operation` (send, process) on the queue or exchange `destination`."""
    system = _SYSTEMS.get((broker_url or "").partition("://")[0])
    return {
        **({"messaging.system": system} if system else {}),
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
    }


def of_command(envelope: CommandEnvelope) -> dict[str, str | int]:
    """Return the attributes that say which command a span is about."""
    return {
        "messaging.message.id": envelope.id,
        "messaging.message.conversation_id": envelope.correlation_id or envelope.id,
        "jobgroups.command.type": envelope.type,
    }


def of_event(id_: str, type_: str) -> dict[str, str | int]:
    """Return the attributes that say which event a span is about."""
    return {"messaging.message.id": id_, "cloudevents.event_id": id_, "cloudevents.event_type": type_}
