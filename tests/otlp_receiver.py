"""A collector of spans on loopback, for processes that send them by OTLP over HTTP."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Span:
    """One span as it was sent; ids in hexadecimal, as in a traceparent."""

    service: str
    name: str
    kind: str
    trace_id: str
    id: str
    parent_id: str
    links: list[tuple[str, str]]
    failed: bool
    attributes: dict[str, Any]


class Collector(ThreadingHTTPServer):
    """Keeps every span that it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT has to say."""
        return f"http://127.0.0.1:{self.server_port}"

    def of_trace(self, trace_id: str, **attributes: Any) -> list[Span]:
        """Return the spans of a trace that have these attributes; `service` and `name` are among them."""
        return [span for span in self.spans if span.trace_id == trace_id and _has(span, attributes)]


def _has(span: Span, attributes: dict[str, Any]) -> bool:
    known = {**span.attributes, "service": span.service, "name": span.name}
    return all(known.get(name) == value for name, value in attributes.items())


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service=service,
                    name=span.name,
                    kind=SpanMessage.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace_id=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
                    failed=span.status.code == Status.STATUS_CODE_ERROR,
                    attributes=_values(span.attributes),
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Give a collector while the block lasts."""
    collector = Collector()
    thread = Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
