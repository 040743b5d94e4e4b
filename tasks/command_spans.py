"""The spans of commands that are carried out: each in its caller's trace, and one for the transaction they share."""

from collections.abc import Callable, Sequence

from opentelemetry.trace import Link, Span, SpanKind

from client import tracing
from client.message_spans import messaging, of_command
from models import names
from models.commands import CommandEnvelope
from models.outcome import Outcome
from tasks.app import app

CarryOut = Callable[[Sequence[CommandEnvelope]], list[Outcome]]
_NAME = f"process {names.COMMAND_QUEUE}"


def carry_out_traced(envelopes: Sequence[CommandEnvelope], carry_out: CarryOut) -> list[Outcome]:
    """Return the outcomes that `carry_out` gives of `envelopes`, each of which hands on a span of its own.

    A span has one parent, and commands of many callers share a transaction. So whatever is done for all of them belongs
    to a span in a trace of its own, which is linked with all of theirs.
    """
    about = messaging("process", names.COMMAND_QUEUE, app.conf.broker_url)
    shared = _begin_shared(envelopes, about) if len(envelopes) > 1 else None
    links = [Link(shared.get_span_context())] if shared else []
    spans = [_begin(envelope, about, links) for envelope in envelopes]
    going_on = [
        envelope.model_copy(update={"traceparent": tracing.traceparent_of(span)})
        for envelope, span in zip(envelopes, spans, strict=True)
    ]
    with tracing.ending([*spans, *([shared] if shared else [])]):
        with tracing.within(shared or spans[0]):
            outcomes = carry_out(going_on)
        for span, outcome in zip(spans, outcomes, strict=True):
            _tell(span, outcome)
    return outcomes


def _begin_shared(envelopes: Sequence[CommandEnvelope], about: tracing.Attributes) -> Span:
    attributes = {**about, "messaging.batch.message_count": len(envelopes)}
    links = [Link(tracing.context_of(envelope.traceparent)) for envelope in envelopes if envelope.traceparent]
    return tracing.begin(_NAME, SpanKind.CONSUMER, under=None, attributes=attributes, links=links)


def _begin(envelope: CommandEnvelope, about: tracing.Attributes, links: Sequence[Link]) -> Span:
    attributes = {**about, **of_command(envelope)}
    return tracing.begin(_NAME, SpanKind.CONSUMER, under=envelope.traceparent, attributes=attributes, links=links)


def _tell(span: Span, outcome: Outcome) -> None:
    span.set_attribute("jobgroups.outcome.status", str(outcome.status))
    if outcome.group_id:
        span.set_attribute("jobgroups.group.id", str(outcome.group_id))
    if outcome.error:
        tracing.fail(span, str(outcome.error.code))
