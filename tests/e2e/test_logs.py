"""Every process writes one JSON object a line, which names the command, the group and the trace that it is about."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
from kombu import Connection
from redis import Redis

from models import names
from tests.commands import create, document, eventually, new_id
from tests.contract.http_api import GROUPS, client_of
from tests.webhook_receiver import SECRET, receiving
from workers.supervision.supervisor import Supervisor

Line = dict[str, Any]
REQUIRED = {"event", "level", "logger", "timestamp"}


def lines(service: Supervisor, process: str) -> Iterator[Line]:
    """Give what a process has logged; fails at what is no JSON object."""
    for line in (service.settings.home / "logs" / f"{process}.log").read_text().splitlines():
        read = json.loads(line)
        assert read.keys() >= REQUIRED, line
        yield read


def told(service: Supervisor, process: str, event: str, **ids: str) -> Line:
    """Return the line of `event` that has these ids, once it is there."""
    (line,) = eventually(
        lambda: [
            line
            for line in lines(service, process)
            if line["event"] == event and all(_names(line, name, value) for name, value in ids.items())
        ]
    )
    return line


def _names(line: Line, name: str, value: str) -> bool:
    return line.get(name) == value or value in line.get(f"{name}s", [])


def make_group(api: httpx.Client, trace_id: str, url: str) -> str:
    channel = {"type": "webhook", "url": url, "secret": SECRET}
    headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01", "X-Request-ID": trace_id}
    body = {"name": "n", "template": "t", "notifications": {"channels": [channel]}}
    answer = api.post(GROUPS, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def test_a_request_is_followed_through_the_logs_of_all_processes(either_service: Supervisor) -> None:
    trace_id = secrets.token_hex(16)
    with receiving() as webhook, client_of(either_service.url, either_service.api_key) as api:
        group_id = make_group(api, trace_id, webhook.url("hook"))
        (event,) = eventually(lambda: api.get(f"{GROUPS}/{group_id}/events").json()["data"])
        about = {"command_id": event["causationid"], "trace_id": trace_id}
        assert told(either_service, "api", "command_sent", **about)["request_id"] == trace_id
        handled = told(either_service, "worker", "commands_handled", **about, group_id=group_id)
        assert handled["succeeded"] == 1
        told(either_service, "relay", "events_published", **about, group_id=group_id)
        told(either_service, "notifier", "delivery_attempted", **about, group_id=group_id)


def test_celerys_own_lines_name_the_task(either_service: Supervisor) -> None:
    command_id = new_id()
    with client_of(either_service.url, either_service.api_key) as api:
        answer = api.post(GROUPS, json={"name": "n", "template": "t"}, headers={"Idempotency-Key": command_id})
        group_id = answer.json()["data"]["id"]
    task_id = told(either_service, "worker", "commands_handled", group_id=group_id)["task_id"]
    celerys = [line for line in lines(either_service, "worker") if line["logger"].startswith("celery.")]
    about_task = [line for line in celerys if line.get("task_id") == task_id]
    assert {line["logger"] for line in about_task} == {"celery.worker.strategy", "celery.app.trace"}
    assert not [line for line in celerys if task_id in line["event"] and line not in about_task]


def test_the_intake_names_the_commands_that_it_passes_on(either_service: Supervisor) -> None:
    wanted = create(new_id())
    broker_url = either_service.settings.require("broker_url")
    if broker_url.startswith("redis"):
        with Redis.from_url(broker_url) as redis:
            redis.xadd(names.INTAKE, {"command": document(wanted)})
    else:
        with Connection(broker_url) as connection:
            producer = connection.Producer()
            producer.publish(document(wanted), routing_key=names.INTAKE, content_type="x/y", content_encoding="binary")
    told(either_service, "intake", "commands_passed_on", command_id=wanted.id)


def test_housekeeping_names_what_it_wakes(either_service: Supervisor) -> None:
    with client_of(either_service.url, either_service.api_key) as api:
        group = {"name": "n", "template": "t", "processingSettings": {"expiresAfterSeconds": 1}}
        group_id = api.post(GROUPS, json=group).json()["data"]["id"]
    assert told(either_service, "housekeeping", "commands_handled", group_id=group_id)["succeeded"]
