"""The figures are those of what was done."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import psutil
import pytest
from celery import Celery
from redis import Redis

from models import names
from tests.commands import create, document, eventually, fields, item, new_id, select
from tests.contract.http_api import GROUPS
from tests.metrics.scraping import Rise, Scrape, eventually_value
from tests.webhook_receiver import SECRET, answer, receiving
from workers.supervision.supervisor import Supervisor


def test_outcomes_by_type(api: httpx.Client, rise: Rise) -> None:
    for _ in range(3):
        assert api.post(GROUPS, json=fields()).status_code == 201
    assert api.delete(f"{GROUPS}/{new_id()}").status_code == 404
    assert rise.becomes(3, "jobgroups_commands_total", type=names.JOB_GROUP_CREATE, outcome="succeeded")
    assert rise.becomes(1, "jobgroups_commands_total", type=names.JOB_GROUP_DELETE, outcome="not_found")
    assert rise.of("jobgroups_commands_total", process="worker") == 4
    assert rise.of("jobgroups_handling_commands_sum") == 4
    assert rise.of("jobgroups_handling_duration_seconds_count") == rise.of("jobgroups_handling_commands_count")
    assert 0 < rise.of("jobgroups_handling_duration_seconds_sum") < 5


def test_repeats(api: httpx.Client, rise: Rise) -> None:
    for _ in range(3):
        assert api.post(GROUPS, json=fields(), headers={"Idempotency-Key": "scan-1"}).status_code == 201
    assert rise.becomes(2, "jobgroups_commands_repeated_total")


def test_the_size_of_a_batch(client: Celery, rise: Rise) -> None:
    batch = [item(create(new_id())) for _ in range(150)]
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": batch}, ignore_result=True)
    assert rise.becomes(150, "jobgroups_commands_total", type=names.JOB_GROUP_CREATE, outcome="succeeded")
    transactions = rise.of("jobgroups_handling_commands_count")
    assert 1 <= transactions <= 2  # one for each pool child
    assert rise.of("jobgroups_handling_commands_sum") == 150
    assert rise.of("jobgroups_handling_commands_bucket", le="20.0") == 0


def test_messages_that_gather(measured: Supervisor, client: Celery, rise: Rise) -> None:
    os.kill(measured.pids["worker"], signal.SIGSTOP)
    try:
        for _ in range(60):
            client.send_task(names.JOB_GROUP_CREATE, kwargs=fields(), task_id=new_id(), ignore_result=True)
    finally:
        os.kill(measured.pids["worker"], signal.SIGCONT)
    assert rise.becomes(60, "jobgroups_gathered_messages_sum")
    assert rise.of("jobgroups_gathered_messages_count") < 30


def test_a_type_that_a_sender_made_up_is_no_series(client: Celery, metrics_url: str, rise: Rise) -> None:
    invented = {"id": new_id(), "type": f"job_group.{uuid4().hex}", "data": {}}
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": [invented]}, ignore_result=True)
    assert rise.becomes(1, "jobgroups_commands_total", type="unknown", outcome="validation_failed")
    assert Scrape.of(metrics_url).value("jobgroups_commands_total", type=str(invented["type"])) == 0


def test_dead_letters(measured: Supervisor, client: Celery, rise: Rise, metrics_url: str) -> None:
    waiting_before = Scrape.of(metrics_url).value("jobgroups_dead_letters_waiting", reason="invalid_command")
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": ["no command"]}, ignore_result=True)
    client.send_task("no.such.task", ignore_result=True)
    assert rise.becomes(1, "jobgroups_dead_letters_total", reason="invalid_command")
    assert rise.becomes(1, "jobgroups_dead_letters_total", reason="unknown_task")
    told = Scrape.of(metrics_url)
    assert told.value("jobgroups_dead_letters_waiting", reason="invalid_command") == waiting_before + 1
    sql = "SELECT reason, count(*) AS count FROM dead_letters WHERE replayed_at IS NULL GROUP BY reason"
    for row in select(measured.settings.require("database_url"), sql):
        assert told.value("jobgroups_dead_letters_waiting", reason=row["reason"]) == row["count"]


def test_the_intake(measured: Supervisor, rise: Rise) -> None:
    with Redis.from_url(measured.settings.require("broker_url")) as broker:
        for body in (document(create(new_id())), document(create(new_id())), b"no JSON"):
            broker.xadd(names.INTAKE, {"command": body})
    assert rise.becomes(2, "jobgroups_intake_documents_total", result="passed_on")
    assert rise.becomes(1, "jobgroups_intake_documents_total", result="dead")
    assert rise.becomes(2, "jobgroups_commands_total", type=names.JOB_GROUP_CREATE, outcome="succeeded")


def test_events(measured: Supervisor, api: httpx.Client, rise: Rise) -> None:
    sql = "SELECT count(*) AS count FROM events WHERE position IS NOT NULL"
    (before,) = select(measured.settings.require("database_url"), sql)
    for _ in range(4):
        api.post(GROUPS, json=fields())
    assert rise.becomes(4, "jobgroups_events_published_total", process="relay")
    (after,) = select(measured.settings.require("database_url"), sql)
    assert after["count"] - before["count"] == 4
    assert 1 <= rise.of("jobgroups_publishing_duration_seconds_count") <= 4


def test_deliveries(api: httpx.Client, rise: Rise) -> None:
    with receiving(wrong=answer(410)) as receiver:
        channels = [
            {"type": "webhook", "url": receiver.url(path), "secret": SECRET, "events": ["job_group.created"]}
            for path in ("hook", "wrong")
        ]
        assert api.post(GROUPS, json=fields(notifications={"channels": channels})).status_code == 201
        assert rise.becomes(1, "jobgroups_deliveries_total", channel="webhook", status="delivered")
        assert rise.becomes(1, "jobgroups_deliveries_total", channel="webhook", status="failed")
        assert rise.becomes(1, "jobgroups_delivery_attempts_total", channel="webhook", verdict="gone")
        assert rise.of("jobgroups_delivery_duration_seconds_count", channel="webhook") == 2
        # A receiver that is gone has its channel disabled, by a command that the notifier carries out itself.
        disabling = {"type": names.JOB_GROUP_DISABLE_WEBHOOK, "outcome": "succeeded", "process": "notifier"}
        assert rise.becomes(1, "jobgroups_commands_total", **disabling)


def test_requests_by_route(api: httpx.Client, rise: Rise) -> None:
    id_ = api.post(GROUPS, json=fields()).json()["data"]["id"]
    for _ in range(2):
        api.get(f"{GROUPS}/{id_}")
    api.get(f"{GROUPS}/{new_id()}")
    api.get(f"/{uuid4()}")
    api.request("PURGE", "/coffee")
    one = {"method": "GET", "route": f"{GROUPS}/{{id}}"}
    assert rise.of("jobgroups_http_requests_total", **one, status="200") == 2
    assert rise.of("jobgroups_http_requests_total", **one, status="404") == 1
    assert rise.of("jobgroups_http_request_duration_seconds_count", **one) == 3
    assert rise.of("jobgroups_http_requests_total", method="POST", route=GROUPS, status="201") == 1
    assert rise.of("jobgroups_http_requests_total", method="GET", route="unknown", status="404") == 1
    assert rise.of("jobgroups_http_requests_total", method="unknown", route="unknown") == 1


def test_readers_of_the_feed(api: httpx.Client, metrics_url: str) -> None:
    with api.stream("GET", "/events") as stream:
        chunks = stream.iter_raw()  # where nobody holds it any more, it closes the stream
        next(chunks)
        assert eventually_value(metrics_url, lambda count: count == 1, "jobgroups_feed_readers")
    assert eventually_value(metrics_url, lambda count: count == 0, "jobgroups_feed_readers")


def test_requests_that_wait_for_outcomes(measured: Supervisor, api: httpx.Client, metrics_url: str) -> None:
    os.kill(measured.pids["worker"], signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as pool:
            patiently = {"Prefer": "wait=40"}
            answers = [pool.submit(api.post, GROUPS, json=fields(), headers=patiently) for _ in range(2)]
            # A worker that stands still has eight seconds to tell; the API is asked beside it.
            assert eventually_value(metrics_url, lambda count: count == 2, "jobgroups_outcomes_awaited")
            os.kill(measured.pids["worker"], signal.SIGCONT)
            assert [each.result().status_code for each in answers] == [201, 201]
    finally:
        os.kill(measured.pids["worker"], signal.SIGCONT)
    assert Scrape.of(metrics_url).value("jobgroups_outcomes_awaited") == 0


def test_what_waits_while_nobody_publishes(measured: Supervisor, api: httpx.Client, metrics_url: str) -> None:
    os.kill(measured.pids["relay"], signal.SIGSTOP)
    try:
        for _ in range(3):
            api.post(GROUPS, json=fields())
        told = Scrape.of(metrics_url)
        assert told.value("jobgroups_outbox_events") == 3
        assert 0 < told.value("jobgroups_outbox_lag_seconds") < 60
        assert told.value("jobgroups_process_answers", process="relay") == 0
        assert told.value("jobgroups_process_answers", process="worker") == 1
    finally:
        os.kill(measured.pids["relay"], signal.SIGCONT)
    assert eventually_value(metrics_url, lambda count: count == 0, "jobgroups_outbox_events")
    told = Scrape.of(metrics_url)
    assert told.value("jobgroups_outbox_lag_seconds") == 0
    assert told.value("jobgroups_relay_is_leader") == told.value("jobgroups_relay_leaders") == 1


def test_a_child_that_is_killed_takes_no_count_along(
    measured: Supervisor, client: Celery, rise: Rise, metrics_url: str
) -> None:
    batch = [item(create(new_id())) for _ in range(100)]
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": batch}, ignore_result=True)
    assert rise.becomes(100, "jobgroups_commands_total", type=names.JOB_GROUP_CREATE)
    worker = psutil.Process(measured.pids["worker"])
    killed = worker.children()
    for child in killed:
        child.kill()
    assert eventually(lambda: len(worker.children()) == 2 and not set(killed) & set(worker.children()))
    assert rise.of("jobgroups_commands_total", type=names.JOB_GROUP_CREATE) == 100
    client.send_task(names.HANDLE_BATCH, kwargs={"commands": batch}, ignore_result=True)
    assert rise.becomes(200, "jobgroups_commands_total", type=names.JOB_GROUP_CREATE)
    assert rise.of("jobgroups_commands_repeated_total") == 100
    assert Scrape.of(metrics_url).value("jobgroups_pool_children") == 2


def test_every_process_tells_its_memory_and_its_time(measured: Supervisor, metrics_url: str) -> None:
    told = Scrape.of(metrics_url)
    for process in ("api", "worker", "relay", "intake", "housekeeping", "notifier"):
        resident = psutil.Process(measured.pids[process]).memory_info().rss
        assert told.value("process_resident_memory_bytes", process=process) == pytest.approx(resident, rel=0.2)
        assert told.value("process_cpu_seconds_total", process=process) > 0
    assert told.value("jobgroups_pool_children_memory_bytes") > 10_000_000


def test_nothing_that_belongs_to_a_group_is_told(api: httpx.Client, metrics_url: str) -> None:
    secret = f"name-{uuid4().hex}"
    id_ = api.post(GROUPS, json=fields(name=secret)).json()["data"]["id"]
    api.get(f"{GROUPS}/{id_}")
    text = httpx.get(metrics_url, trust_env=False).text
    assert secret not in text
    assert id_ not in text
