"""Switching tracing on, as OpenTelemetry's own environment variables ask: where spans go, which, and how many."""

import atexit
import logging
import os
from importlib.metadata import entry_points
from threading import Thread
from typing import Any

from client import tracing
from models.names import SERVICE

FLUSH_SECONDS = 2.0
"""How long the end of a process waits for its last spans to be taken."""

_ADDRESSES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTERS = {"": "otlp_proto_http", "otlp": "otlp_proto_http"}

log = logging.getLogger(__name__)


def is_wanted() -> bool:
    """Return whether the environment asks for spans."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    off = exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not off and bool(exporter or any(os.environ.get(name) for name in _ADDRESSES))


def start_tracing(process: str) -> None:
    """Switch tracing on, if the environment asks for it. To be called after the last fork: a thread sends the spans.

    `process` is what `service.name` says, behind the name of the service, unless OTEL_SERVICE_NAME says another. Where
    the packages are not installed, or none exports under the name in OTEL_TRACES_EXPORTER, a warning is logged, and the
    process works without: nobody's commands should wait for that.
    """
    if not is_wanted():
        return
    try:
        provider = _provider(process)
    except ImportError as error:
        log.warning("no tracing: %s. Install the extra: pip install 'ocr-invoice-job-groups[tracing]'", error)
        return
    tracing.use(provider)
    atexit.register(stop_tracing)


def stop_tracing() -> None:
    """Send what is left, within FLUSH_SECONDS: a collector that hangs must not hold up the end of a process."""
    provider: Any = tracing.provider()
    if provider is not None:
        flush = Thread(target=provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)


def _provider(process: str) -> Any:
    """Return a provider whose spans go out in batches, from a queue that has a bound. Raises ImportError."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource.create(
        {"service.name": f"jobgroups-{process}", "service.namespace": SERVICE, "process.pid": os.getpid()}
    )
    resource = ours.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    return provider


def _exporter() -> Any:
    """The exporters of OpenTelemetry announce themselves under the names that OTEL_TRACES_EXPORTER takes."""
    wanted = os.environ.get("OTEL_TRACES_EXPORTER", "")
    found = [*entry_points(group="opentelemetry_traces_exporter", name=_EXPORTERS.get(wanted, wanted))]
    if not found:
        raise ImportError(f"no package exports spans to {wanted or 'otlp'!r}")
    return found[0].load()()
