"""Tracing is switched on by OpenTelemetry's variables, and never in the way of what is traced."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from client.span_export import is_wanted

CAME = f"00-{32 * 'a'}-{16 * 'b'}-01"
NOT_INSTALLED = f"""
import sys
sys.modules["opentelemetry.sdk"] = None
import workers.worker, workers.relay, workers.intake, workers.notifier, workers.housekeeping, workers.engine.engine
import api_stub.app, client.command_client, logging
from opentelemetry.trace import SpanKind
from client import tracing
from client.span_export import start_tracing
logging.basicConfig()
start_tracing("worker")
assert not tracing.is_on()
for came, goes_on in ({CAME!r}, {CAME!r}), ("no traceparent", None), (None, None):
    with tracing.stage("work", SpanKind.CONSUMER, under=came, attributes={{}}) as span:
        assert tracing.traceparent_of(span) == goes_on, came
"""
SILENT_COLLECTOR = """
import logging, time
from opentelemetry.trace import SpanKind
from client import span_export, tracing
logging.basicConfig()
span_export.start_tracing("worker")
began_at = time.monotonic()
for _ in range(10_000):
    tracing.begin("work", SpanKind.CONSUMER, under=None, attributes={}).end()
assert time.monotonic() - began_at < 5
began_at = time.monotonic()
span_export.stop_tracing()
assert time.monotonic() - began_at < 2 * span_export.FLUSH_SECONDS
"""


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def silent_address() -> Iterator[str]:
    """Of what takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def run(code: str, **variables: str) -> str:
    """Run `code` in a process of its own, and return what it logged."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_switch_it(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_wanted() is wanted


def test_without_the_extra_everything_works_and_hands_on_what_came() -> None:
    assert run(NOT_INSTALLED) == ""


def test_a_process_that_is_to_trace_and_cannot_says_how_it_could() -> None:
    told = run(NOT_INSTALLED, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert "pip install 'ocr-invoice-job-groups[tracing]'" in told


def test_an_exporter_that_nobody_brings_is_named() -> None:
    told = run("from client.span_export import start_tracing; start_tracing('w')", OTEL_TRACES_EXPORTER="zipkin")
    assert "no package exports spans to 'zipkin'" in told


def test_a_collector_that_says_nothing_costs_spans_and_no_time(silent_address: str) -> None:
    assert "Queue full" in run(SILENT_COLLECTOR, OTEL_EXPORTER_OTLP_ENDPOINT=silent_address)
