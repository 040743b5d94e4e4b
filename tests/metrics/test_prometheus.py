"""A real Prometheus beside a real service: it reaches it, evaluates the rules, and answers what the dashboard asks."""

from collections.abc import Iterator

import httpx
import pytest
from celery import Celery
from redis import Redis

from models import names
from tests.commands import create, document, eventually, fields, item, new_id
from tests.contract.http_api import GROUPS
from tests.metrics.expressions import ALERTS, QUERIES
from tests.metrics.prometheus_server import Prometheus, watching
from tests.webhook_receiver import SECRET, answer, receiving
from workers.supervision.supervisor import Supervisor

NOTHING_HAPPENED = {"HTTP errors: {{method}} {{route}} {{status}}"}
"""Queries without a series as long as all is well."""


@pytest.fixture(scope="module")
def prometheus(measured: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    assert measured.metrics_url
    with watching(measured.metrics_url, tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture
def worked(measured: Supervisor, api: httpx.Client, client: Celery) -> None:
    """A little of everything that is counted."""
    for _ in range(2):
        assert api.post(GROUPS, json=fields(), headers={"Idempotency-Key": "twice"}).status_code == 201
    assert api.delete(f"{GROUPS}/{new_id()}").status_code == 404
    client.send_task(
        names.HANDLE_BATCH, kwargs={"commands": [item(create(new_id())), "no command"]}, ignore_result=True
    )
    with Redis.from_url(measured.settings.require("broker_url")) as broker:
        broker.xadd(names.INTAKE, {"command": document(create(new_id()))})
    with receiving(wrong=answer(410)) as receiver:
        channels = [{"type": "webhook", "url": receiver.url(path), "secret": SECRET} for path in ("hook", "wrong")]
        assert api.post(GROUPS, json=fields(notifications={"channels": channels})).status_code == 201
        eventually(lambda: len(receiver.headers) >= len(channels))


def test_it_reaches_the_service(prometheus: Prometheus) -> None:
    eventually(lambda: [target["health"] for target in prometheus.ask("/targets")["activeTargets"]] == ["up"])
    assert prometheus.series('up{job="jobgroups"}')


def test_every_rule_is_evaluated_and_none_fires_without_a_cause(prometheus: Prometheus) -> None:
    eventually(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()))
    rules = {rule["name"]: rule["state"] for rule in prometheus.rules()}
    assert rules.keys() == ALERTS.keys()
    assert "firing" not in rules.values(), rules


@pytest.mark.usefixtures("worked")
def test_every_query_of_the_dashboard_has_an_answer(prometheus: Prometheus) -> None:
    def without() -> set[str]:
        return {name for name, expression in QUERIES.items() if not prometheus.series(expression)}

    eventually(lambda: without() <= NOTHING_HAPPENED)


def test_the_processes_are_told_apart_by_their_label(prometheus: Prometheus) -> None:
    counted = eventually(lambda: prometheus.series(QUERIES["Processes: {{process}}"]))
    assert {each["metric"]["process"]: each["value"][1] for each in counted} == dict.fromkeys(
        ("api", "worker", "relay", "intake", "housekeeping", "notifier"), "1"
    )
