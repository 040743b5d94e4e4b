"""One trace from the HTTP request to whoever is told of its events, as a collector sees it from outside."""

import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.command_client import CommandClient
from models.names import COMMAND_QUEUE, EVENT_EXCHANGE
from settings import Settings
from tests.commands import ask, celery_client, create, eventually, new_id
from tests.contract.http_api import GROUPS, client_of
from tests.docs.pages import blocks
from tests.docs.terminal import Terminal, furnish
from tests.docs.walks import LOAD_ADDRESSES, add_a_document
from tests.otlp_receiver import Collector, Span, collecting
from tests.webhook_receiver import receiving
from workers.supervision.supervisor import Supervisor

SUBSCRIBER_QUEUE = "accounting.traced"
BATCH_COUNT = 40


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def traced(
    request: pytest.FixtureRequest, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supervisor]:
    """A service with tracing on, and the subscriber of docs/tracing.md in a process of its own."""
    home = tmp_path_factory.mktemp("traced")
    broker_url = request.getfixturevalue("spare_rabbitmq_url") if request.param == "rabbitmq" else None
    with Supervisor(Settings(home=home, port=0, broker_url=broker_url)) as service:
        (subscriber,) = (block for block in blocks("docs/tracing.md") if "background" in block.notes)
        furnish(home / "checkout", service)
        with Terminal(home / "checkout", stir=lambda: add_a_document(service)) as terminal:
            terminal.run(LOAD_ADDRESSES)
            terminal.type(subscriber)
            yield service


def new_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def the_only(spans: list[Span]) -> Span:
    (span,) = spans
    return span


def creation_of(api: httpx.Client, group_id: str) -> dict[str, Any]:
    """Return the event once it was published."""
    (event,) = eventually(lambda: api.get(f"{GROUPS}/{group_id}/events").json()["data"])
    return event


def chain(collector: Collector, trace_id: str, command_id: str) -> dict[str, Span]:
    """Return the spans of a command that makes a group, by what they do, once all of them have come."""
    wanted = {
        "send": {"name": f"send {COMMAND_QUEUE}", "messaging.message.id": command_id},
        "process": {"name": f"process {COMMAND_QUEUE}", "messaging.message.id": command_id},
        "publish": {"name": f"send {EVENT_EXCHANGE}", "jobgroups.command.id": command_id},
        "subscriber": {"name": f"process {SUBSCRIBER_QUEUE}", "jobgroups.command.id": command_id},
    }
    eventually(lambda: all(collector.of_trace(trace_id, **attributes) for attributes in wanted.values()))
    return {stage: the_only(collector.of_trace(trace_id, **attributes)) for stage, attributes in wanted.items()}


def test_one_trace_runs_from_the_request_to_the_subscriber_and_the_webhook(
    traced: Supervisor, collector: Collector
) -> None:
    _, trace_id, caller, _ = (traceparent := new_traceparent()).split("-")
    with receiving() as webhook, client_of(traced.url, traced.api_key) as api:
        channel = {
            "type": "webhook",
            "url": webhook.url("hook?token=hidden"),
            "secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }
        body = {"name": "n", "template": "t", "notifications": {"channels": [channel]}}
        answer = api.post(GROUPS, json=body, headers={"traceparent": traceparent})
        assert answer.status_code == 201, answer.text
        event = creation_of(api, answer.json()["data"]["id"])
        spans = chain(collector, trace_id, event["causationid"])
        delivery = the_only(eventually(lambda: collector.of_trace(trace_id, service="jobgroups-notifier")))
        assert eventually(lambda: webhook.headers)[0]["traceparent"] == f"00-{trace_id}-{delivery.id}-01"
    answered = {"service": "jobgroups-api", "name": f"POST {GROUPS}"}
    request = the_only(eventually(lambda: collector.of_trace(trace_id, **answered)))
    way = [request, spans["send"], spans["process"], spans["publish"], spans["subscriber"]]
    assert [span.parent_id for span in way] == [caller, *(span.id for span in way[:-1])]
    assert delivery.parent_id == spans["process"].id
    services = ["jobgroups-api", "jobgroups-api", "jobgroups-worker", "jobgroups-relay", "jobgroups-accounting"]
    assert [span.service for span in way] == services
    assert [span.kind for span in way] == ["SERVER", "PRODUCER", "CONSUMER", "PRODUCER", "CONSUMER"]
    assert (delivery.kind, delivery.name, delivery.attributes["http.response.status_code"]) == ("CLIENT", "POST", 204)
    assert not any(span.failed for span in collector.of_trace(trace_id))
    assert "hidden" not in repr(delivery)
    # The worker says nothing to the webhook's address or secret either.
    assert "whsec_" not in repr(collector.of_trace(trace_id))


def test_messaging_spans_say_what_the_conventions_ask_for(traced: Supervisor, collector: Collector) -> None:
    traceparent = new_traceparent()
    with client_of(traced.url, traced.api_key) as api:
        answer = api.post(GROUPS, json={"name": "n", "template": "t"}, headers={"traceparent": traceparent})
        group_id = answer.json()["data"]["id"]
        event = creation_of(api, group_id)
    spans = chain(collector, traceparent.split("-")[1], event["causationid"])
    system = "redis" if traced.settings.require("broker_url").startswith("redis") else "rabbitmq"
    assert {span.attributes["messaging.system"] for span in spans.values()} == {system}
    assert [span.attributes["messaging.operation.type"] for span in spans.values()] == [
        "send",
        "process",
        "send",
        "process",
    ]
    assert [span.attributes["messaging.destination.name"] for span in spans.values()] == [
        COMMAND_QUEUE,
        COMMAND_QUEUE,
        EVENT_EXCHANGE,
        SUBSCRIBER_QUEUE,
    ]
    assert spans["process"].attributes["jobgroups.group.id"] == group_id
    assert spans["subscriber"].attributes["cloudevents.event_id"] == event["id"]


def test_commands_that_share_a_transaction_stay_in_their_callers_traces(
    traced: Supervisor, collector: Collector
) -> None:
    group_id = new_id()
    callers = {new_id(): new_traceparent() for _ in range(BATCH_COUNT)}
    urls = traced.settings.require("broker_url"), traced.settings.require("redis_url")
    commands = [create(group_id, id_).model_copy(update={"traceparent": callers[id_]}) for id_ in callers]
    with CommandClient(*urls) as client:
        outcomes = [pending.result(20) for pending in [client.submit(command) for command in commands]]
    assert sum(outcome.status == "succeeded" for outcome in outcomes) == 1
    for id_, traceparent in callers.items():
        _, trace_id, caller, _ = traceparent.split("-")
        own = the_only(eventually(lambda: collector.of_trace(trace_id, name=f"process {COMMAND_QUEUE}")))  # noqa: B023
        assert (own.parent_id, own.attributes["messaging.message.id"]) == (caller, id_)
        assert own.failed == (own.attributes.get("error.type") == "already_exists")
    batched = [span for span in collector.spans if "messaging.batch.message_count" in span.attributes]
    linked = [(trace_id, span_id) for span in batched for trace_id, span_id in span.links]
    sent = {tuple(traceparent.split("-")[1:3]) for traceparent in callers.values()}
    assert sent & set(linked)
    assert all(span.attributes["messaging.batch.message_count"] == len(span.links) for span in batched)


def test_a_rejection_is_an_error_without_its_text(traced: Supervisor, collector: Collector) -> None:
    traceparent = new_traceparent()
    with client_of(traced.url, traced.api_key) as api:
        gone = api.post(f"{GROUPS}/{new_id()}/pause", headers={"traceparent": traceparent})
    assert gone.status_code == 404
    find = {"name": f"process {COMMAND_QUEUE}"}
    process = the_only(eventually(lambda: collector.of_trace(traceparent.split("-")[1], **find)))
    assert (process.failed, process.attributes["error.type"]) == (True, "not_found")


def test_a_sender_without_tracing_gets_a_trace_that_begins_in_the_worker(
    traced: Supervisor, collector: Collector
) -> None:
    command = create(new_id())
    with celery_client(traced.settings.require("broker_url"), traced.settings.require("redis_url")) as client:
        assert ask(client, command)["status"] == "succeeded"

    def subscribers() -> list[Span]:
        return [span for span in collector.spans if _is_about(span, command.id) and SUBSCRIBER_QUEUE in span.name]

    trace_id = the_only(eventually(subscribers)).trace_id
    first = the_only(eventually(lambda: collector.of_trace(trace_id, name=f"process {COMMAND_QUEUE}")))
    assert (first.parent_id, first.service) == ("", "jobgroups-worker")


def _is_about(span: Span, command_id: str) -> bool:
    return span.attributes.get("jobgroups.command.id") == command_id


def test_a_collector_that_says_nothing_harms_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        environment.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
        environment.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
        with Supervisor(Settings(home=tmp_path, port=0)) as service:
            before = service.pids
            with client_of(service.url, service.api_key) as api:
                answers = [api.post(GROUPS, json={"name": "n", "template": "t"}) for _ in range(60)]
                assert {answer.status_code for answer in answers} == {201}
                assert creation_of(api, answers[-1].json()["data"]["id"])
            assert service.pids == before
            stopped_at = time.monotonic()
        assert time.monotonic() - stopped_at < 20
    assert "Queue full" in (tmp_path / "logs" / "api.log").read_text()
