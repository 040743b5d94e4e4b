"""One trace from a request to whoever is told of its events, where a process has tracing switched on.

A stage of a command's way is a span of OpenTelemetry. It goes on from the `traceparent` (W3C Trace Context) that came
along, and hands on its own. Where tracing is off spans are empty, and hand on what came.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
    format_trace_id,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from models import names

Attributes = Mapping[str, str | int]

_w3c = TraceContextTextMapPropagator()
_provider: TracerProvider | None = None
_tracer: Tracer = NoOpTracer()


def use(provider: TracerProvider) -> None:
    """Make the spans of this process with `provider`: for a program that has set OpenTelemetry up by itself."""
    global _tracer, _provider
    _provider, _tracer = provider, provider.get_tracer(names.SERVICE)


def provider() -> TracerProvider | None:
    """Return what makes this process's spans, None where tracing is off."""
    return _provider


def is_on() -> bool:
    """Return whether this process makes spans."""
    return _provider is not None


def begin(name: str, kind: SpanKind, *, under: str | None, attributes: Attributes, links: Sequence[Link] = ()) -> Span:
    """Begin a stage that goes on from the traceparent `under`. Of None, or of what is no traceparent, comes the first
    stage of a trace."""
    return _tracer.start_span(name, _context(under), kind, attributes, links)


@contextmanager
def stage(name: str, kind: SpanKind, *, under: str | None, attributes: Attributes) -> Iterator[Span]:
    """Have what is done meanwhile belong to a stage, which fails with what is raised."""
    span = begin(name, kind, under=under, attributes=attributes)
    with within(span), ending([span]):
        yield span


within = partial(use_span, record_exception=False, set_status_on_exception=False)
"""Have what is done meanwhile belong to a span: those of libraries, and commands that are sent."""


@contextmanager
def ending(spans: Sequence[Span]) -> Iterator[None]:
    """End `spans` at the end; they fail with what is raised."""
    try:
        yield
    except BaseException as error:
        for span in spans:
            fail(span, type(error).__name__)
        raise
    finally:
        for span in spans:
            span.end()


def fail(span: Span, kind: str) -> None:
    """Mark `span` as failed. `kind` names the failure; its text could quote what must not leave the process."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)


def current() -> str | None:
    """Return the traceparent of what this thread or coroutine is doing, None where that is no part of a trace."""
    return traceparent_of(get_current_span())


def traceparent_of(span: Span) -> str | None:
    """Return what `span` hands on; None where tracing is off and nothing came."""
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get("traceparent")


def trace_id(traceparent: str | None) -> str | None:
    """Return the id of the trace that `traceparent` belongs to, None where it is no traceparent."""
    named = context_of(traceparent)
    return format_trace_id(named.trace_id) if named.is_valid else None


def context_of(traceparent: str | None) -> SpanContext:
    """Return what `traceparent` names, for a link to it."""
    return get_current_span(_context(traceparent)).get_span_context()


def _context(traceparent: str | None) -> Context:
    return _w3c.extract({"traceparent": traceparent or ""}, Context())
