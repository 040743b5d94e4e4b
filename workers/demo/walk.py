"""The main job, walked for the eye: a group by HTTP, commands from the broker, real invoices read, events all along."""

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
from celery import Celery
from kombu.messaging import Producer
from redis import Redis
from rich.table import Table
from uuid_utils.compat import uuid7

from client.broker import INTAKE_QUEUE, celery_settings, connect, is_redis
from client.producer import CommandProducer
from models import names
from models.commands import CommandEnvelope
from settings import Settings
from workers.demo.invoices import read_invoices
from workers.demo.stage import GROUPS, TIMEOUT_SECONDS, Events, console, http_client, say, show_events, subscription
from workers.supervision.supervisor import Supervisor


def run() -> None:
    """Start a service of its own in a temporary home, show it at work, and stop it. Raises where a step fails."""
    with tempfile.TemporaryDirectory(prefix="jobgroups-demo-") as home:
        starting = console.status("Starting PostgreSQL, Redis and the processes of the service …")
        starting.start()
        with Supervisor(Settings(home=Path(home), port=0)) as service:
            starting.stop()
            console.print(f"[bold green]The service is up[/] at {service.url}")
            with subscription(service.settings.require("broker_url")) as events, http_client(service) as http:
                _walk(service.settings.require("broker_url"), service.settings, http, events)
        console.print("[dim]Stopped; nothing is left running. `make run` keeps a service up.[/]")


def _walk(broker_url: str, settings: Settings, http: httpx.Client, events: Events) -> None:
    group = _create_by_http(http)
    show_events(events, 1)
    _update_by_celery(broker_url, settings.require("redis_url"), group["id"])
    show_events(events, 1)
    _patch_by_json(broker_url, group["id"])
    show_events(events, 1)
    _send_batch(broker_url)
    show_events(events, 4)
    _list(http)
    read_invoices(settings, http, events)
    _delete_by_http(http, group["id"])
    show_events(events, 1)


def _create_by_http(http: httpx.Client) -> dict[str, Any]:
    say("A caller of the HTTP API sends the documentation's own sample")
    operation = http.get("/openapi.json").raise_for_status().json()["paths"][GROUPS]["post"]
    sample = operation["requestBody"]["content"]["application/json"]["example"]
    answer = http.post(GROUPS, json=sample).raise_for_status()
    group: dict[str, Any] = answer.json()["data"]
    console.print(f"  POST {GROUPS} → [green]{answer.status_code}[/], ETag {answer.headers['etag']}")
    console.print(f"  [bold]{group['name']}[/], {group['status']}, priority {group['priority']}, id {group['id']}")
    return group


def _update_by_celery(broker_url: str, redis_url: str, group_id: str) -> None:
    say("A Celery client sends a task by name; its result is the command's outcome")
    celery = Celery("demo", backend=redis_url, set_as_current=False)
    celery.conf.update(celery_settings(broker_url))
    update = {"id": group_id, "name": "Invoice Batch 2023-001, rescanned", "template": "standard-invoice"}
    result = celery.send_task(names.JOB_GROUP_UPDATE, kwargs=update, task_id=str(uuid7()))
    outcome = result.get(timeout=TIMEOUT_SECONDS)
    console.print(f"  send_task({names.JOB_GROUP_UPDATE!r}) → {outcome['status']}, version {outcome['version']}")
    celery.close()


def _patch_by_json(broker_url: str, group_id: str) -> None:
    say("A producer in any language writes plain JSON")
    data = {"id": group_id, "patch": {"priority": "urgent", "metadata": {"site": "Lyon"}}}
    command = {"specversion": "1.0", "id": str(uuid7()), "source": "/demo", "type": names.JOB_GROUP_PATCH, "data": data}
    document = json.dumps(command)
    if is_redis(broker_url):
        with Redis.from_url(broker_url) as redis:
            redis.xadd(names.INTAKE, {"command": document})
        console.print(f"  XADD {names.INTAKE} * command '{document[:60]} …'")
        return
    with connect(broker_url) as connection, Producer(connection.channel()) as producer:
        producer.publish(document, routing_key=names.INTAKE, declare=[INTAKE_QUEUE], content_type="application/json")
    console.print(f"  publish to {names.INTAKE}: '{document[:60]} …'")


def _send_batch(broker_url: str) -> None:
    say("A producer sends many commands at once; one message, one transaction. One of them is wrong")
    with CommandProducer(broker_url) as producer:
        for name in ("February", "March", "April", " "):
            data = {"name": name, "template": "standard-invoice", "tags": ["2023"], "priority": "low"}
            producer.send(CommandEnvelope(id=str(uuid7()), type=names.JOB_GROUP_CREATE, data=data))
    console.print("  4 times job_group.create, confirmed by the broker")


def _list(http: httpx.Client) -> None:
    say("Reading: a filter, a search, a page")
    condition = {"$or": [{"priority": {"$in": ["high", "urgent"]}}, {"tags": "2023"}]}
    query: dict[str, Any] = {"filter": json.dumps(condition), "sort": "priority", "limit": 3}
    found = http.get(GROUPS, params=query).raise_for_status().json()
    table = Table("name", "priority", "status", "version", "site", title=f"{len(found['data'])} of {found['total']}")
    for group in found["data"]:
        site = group["metadata"].get("site", "")
        table.add_row(group["name"], group["priority"], group["status"], str(group["version"]), site)
    console.print(f"  filter={query['filter']}")
    console.print(table)
    hits = http.get(GROUPS, params={"search": "2023 resc"}).raise_for_status().json()
    console.print(f"  search='2023 resc' → {[group['name'] for group in hits['data']]}")


def _delete_by_http(http: httpx.Client, group_id: str) -> None:
    say("And the end")
    answer = http.delete(f"{GROUPS}/{group_id}").raise_for_status()
    console.print(f"  DELETE → [green]{answer.status_code}[/], {answer.json()['message']}")
