"""The service that docs/tracing.md starts tells a collector what each of its processes does."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from client.broker import connect
from models.names import COMMAND_QUEUE, EVENT_EXCHANGE, JOB_GROUP_WAKE
from tests.commands import eventually, new_id
from tests.contract.http_api import GROUPS, client_of
from tests.docs.givens import alone
from tests.docs.pages import blocks
from tests.docs.terminal import SERVICE_SECONDS, Terminal
from tests.e2e.test_tracing import new_traceparent, the_only
from tests.otlp_receiver import Collector, Span, collecting
from tests.webhook_receiver import SECRET, receiving
from workers.engine.engine import ENGINE_QUEUE
from workers.supervision.supervisor import Supervisor

SEND, PROCESS = f"send {COMMAND_QUEUE}", f"process {COMMAND_QUEUE}"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def terminal(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal in which the page was followed: the service that it starts runs on."""
    (block,) = (block for block in blocks("docs/tracing.md") if "run by" in block.notes)
    *before, start = block.code.splitlines()
    checkout = tmp_path_factory.mktemp("page") / "checkout"
    checkout.mkdir()
    with Terminal(checkout) as terminal:
        terminal.run("export OTEL_BSP_SCHEDULE_DELAY=50")
        terminal.run("\n".join(before).replace("http://collector:4318", collector.url))
        run = start.replace("jobgroups run", alone()["jobgroups run"])
        terminal.type(replace(block, code=run, notes={"background": "quiet"}))
        eventually((checkout.parent / "home" / "env").exists, SERVICE_SECONDS)
        terminal.run("set -a; . ../home/env")
        yield terminal


@pytest.fixture(scope="module")
def addresses(terminal: Terminal) -> list[str]:
    """Where HTTP listens, the key for it, and the broker."""
    return terminal.run('echo "$JOBGROUPS_URL" "$JOBGROUPS_API_KEY" "$JOBGROUPS_BROKER_URL"').split()


def the_next(collector: Collector, trace_id: str, parent: str, **attributes: str) -> Span:
    """Return the span of a trace that goes on from `parent`, once it has come."""

    def found() -> list[Span]:
        return [span for span in collector.of_trace(trace_id, **attributes) if span.parent_id == parent]

    return the_only(eventually(found))


def test_the_intake_goes_on_from_the_context_of_a_document(addresses: list[str], collector: Collector) -> None:
    _, trace_id, sender, _ = (traceparent := new_traceparent()).split("-")
    data = {"name": "n", "template": "t"}
    command = {"specversion": "1.0", "id": new_id(), "source": "/scanner", "type": "job_group.create", "data": data}
    with Redis.from_url(addresses[-1]) as broker:
        broker.xadd("ocr_invoice.intake", {"command": json.dumps({**command, "traceparent": traceparent})})
    sent = the_next(collector, trace_id, sender, service="jobgroups-intake", name=SEND)
    assert the_next(collector, trace_id, sent.id, service="jobgroups-worker", name=PROCESS)


def test_the_engine_goes_on_from_the_event_and_its_report_from_there(
    terminal: Terminal, addresses: list[str], collector: Collector
) -> None:
    url, key, broker_url = addresses
    with connect(broker_url) as connection:
        ENGINE_QUEUE(connection).declare()
    (block,) = (block for block in blocks("docs/tutorial.md") if "jobgroups engine" in block.code)
    terminal.type(replace(block, notes={"background": "quiet"}))
    trace_id = (traceparent := new_traceparent()).split("-")[1]
    with client_of(url, key) as api:
        group = api.post(GROUPS, json={"name": "n", "template": "t"}).json()["data"]
        jobs = {"jobs": [{"document": {"uri": "file:///scans/1.pdf"}}]}
        api.post(f"{GROUPS}/{group['id']}/jobs", json=jobs, headers={"traceparent": traceparent}).raise_for_status()
    engine = {"service": "jobgroups-engine"}
    read = the_only(eventually(lambda: collector.of_trace(trace_id, name=f"process {ENGINE_QUEUE.name}", **engine)))
    published = collector.of_trace(trace_id, service="jobgroups-relay", name=f"send {EVENT_EXCHANGE}")
    assert read.parent_id in {span.id for span in published}
    report = the_next(collector, trace_id, read.id, name=SEND, **engine)
    assert the_next(collector, trace_id, report.id, service="jobgroups-worker", name=PROCESS)


def test_what_housekeeping_does_by_itself_is_told(addresses: list[str], collector: Collector) -> None:
    url, key, _ = addresses
    with client_of(url, key) as api:
        body = {"name": "n", "template": "t", "processingSettings": {"expiresAfterSeconds": 1}}
        group = api.post(GROUPS, json=body).json()["data"]
    wanted = {"jobgroups.command.type": JOB_GROUP_WAKE, "jobgroups.group.id": group["id"]}

    def woken() -> list[Span]:
        return [span for span in collector.spans if wanted.items() <= span.attributes.items()]

    assert {(span.service, span.name) for span in eventually(woken)} == {("jobgroups-housekeeping", PROCESS)}


def test_without_tracing_the_senders_context_comes_to_subscribers_and_webhooks(service: Supervisor) -> None:
    traceparent = new_traceparent()
    with receiving() as webhook, client_of(service.url, service.api_key) as api:
        channel = {"type": "webhook", "url": webhook.url("hook"), "secret": SECRET}
        body = {"name": "n", "template": "t", "notifications": {"channels": [channel]}}
        answer = api.post(GROUPS, json=body, headers={"traceparent": traceparent})
        group_id = answer.json()["data"]["id"]
        assert eventually(lambda: webhook.headers)[0]["traceparent"] == traceparent
    with Redis.from_url(service.settings.require("broker_url")) as broker:
        assert eventually(lambda: _traceparents(broker, group_id)) == [traceparent]  # the webhook may be first


def _traceparents(broker: Redis, group_id: str) -> list[str]:
    """Those of the group's published events, the latest first."""
    published = [json.loads(entry[b"event"]) for _, entry in broker.xrevrange("ocr_invoice.events", count=100)]
    return [event["traceparent"] for event in published if event.get("subject") == group_id]
