"""The relay's spans: one for each event, in the trace of the command that caused it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import Span, SpanKind
from sqlalchemy import RowMapping

from client import tracing
from client.message_spans import messaging, of_event
from models import names

Event = RowMapping | dict[str, Any]


@contextmanager
def publishing(events: Sequence[RowMapping], broker_url: str) -> Iterator[Sequence[Event]]:
    """Give `events` as they are to be published meanwhile: each hands on a span of its own."""
    if not tracing.is_on():
        yield events
        return
    about = messaging("send", names.EVENT_EXCHANGE, broker_url)
    spans = [_begin(event, about) for event in events]
    with tracing.ending(spans):
        yield [
            {**event, "traceparent": tracing.traceparent_of(span)} for event, span in zip(events, spans, strict=True)
        ]


def _begin(event: RowMapping, about: tracing.Attributes) -> Span:
    attributes = {
        **about,
        **of_event(str(event["id"]), names.event_type(event["name"])),
        "messaging.message.conversation_id": event["correlation_id"] or event["causation_id"],
        "jobgroups.command.id": event["causation_id"],
        "jobgroups.group.id": str(event["group_id"]),
    }
    return tracing.begin(
        f"send {names.EVENT_EXCHANGE}", SpanKind.PRODUCER, under=event["traceparent"], attributes=attributes
    )
