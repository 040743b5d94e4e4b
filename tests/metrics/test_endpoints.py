"""Who serves metrics, where, and who does not."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from client.broker import COMMAND_QUEUE, INTAKE_QUEUE, connect
from models import names
from settings import Settings
from tests.commands import eventually, fields
from tests.contract.http_api import GROUPS, client_of, free_port, stub_of
from tests.metrics.scraping import Scrape
from workers.metrics.database import database_facts
from workers.metrics.queues import queue_facts
from workers.supervision import environment
from workers.supervision.processes import StartError
from workers.supervision.supervisor import Supervisor

PROCESSES = ("api", "worker", "relay", "intake", "housekeeping", "notifier")


def listening(pid: int) -> set[tuple[str, int]]:
    """Return where the process and its children accept connections."""
    process = psutil.Process(pid)
    return {
        (each.laddr.ip, each.laddr.port)
        for one in (process, *process.children(recursive=True))
        for each in one.net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    }


def test_without_a_port_nobody_listens(service: Supervisor) -> None:
    http_port = httpx.URL(service.url).port
    assert {process: listening(service.pids[process]) for process in PROCESSES} == {
        process: {("127.0.0.1", http_port)} if process == "api" else set() for process in PROCESSES
    }
    assert service.metrics_url is None
    assert "METRICS_URL" not in (service.settings.home / "env").read_text()


def test_with_a_port_everybody_listens_on_this_machine_only(measured: Supervisor) -> None:
    for process in PROCESSES:
        addresses = listening(measured.pids[process])
        assert len(addresses) == (2 if process == "api" else 1), process
        assert {host for host, _ in addresses} == {"127.0.0.1"}
    assert f"JOBGROUPS_METRICS_URL={measured.metrics_url}" in (measured.settings.home / "env").read_text()


def test_the_children_of_a_worker_do_not_keep_its_port(measured: Supervisor) -> None:
    children = psutil.Process(measured.pids["worker"]).children()
    assert len(children) == 2
    assert all(not listening(child.pid) for child in children)


def test_a_process_that_runs_alone(service: Supervisor, tmp_path: Path) -> None:
    port = free_port()
    with stub_of(service, tmp_path, metrics_port=port) as url:
        with client_of(url, service.api_key) as api:
            assert api.post(GROUPS, json=fields()).status_code == 201
            assert api.get("/metrics").status_code == 404  # strangers reach the port of the API
        told = Scrape.of(f"http://127.0.0.1:{port}/metrics")
    assert told.value("jobgroups_http_requests_total", route=GROUPS, status="201") == 1
    assert told.value("jobgroups_database_connections_max") > 0


def test_an_engine(service: Supervisor) -> None:
    port = free_port()
    variables = environment.of_process(service.settings) | environment.of_metrics("127.0.0.1", port)
    command = [sys.executable, "-m", "workers.command_line", "engine", "--simulate"]
    with subprocess.Popen(command, env=os.environ | variables) as engine:
        try:
            assert eventually(lambda: scraped(port)).value("process_resident_memory_bytes") > 0
        finally:
            engine.terminate()


def scraped(port: int) -> Scrape | None:
    """Return what is told there, once it is."""
    try:
        return Scrape.of(f"http://127.0.0.1:{port}/metrics")
    except httpx.TransportError:
        return None


def test_a_port_that_is_taken_keeps_no_process_from_its_work(service: Supervisor, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        stub_of(service, tmp_path, metrics_port=taken.getsockname()[1]) as url,
    ):
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    assert "JOBGROUPS_METRICS_PORT of its own" in (tmp_path / "api_stub.log").read_text()


def test_a_service_says_which_port_it_cannot_have(tmp_path: Path, database_url: str, redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(
            home=tmp_path,
            port=0,
            metrics_port=port,
            database_url=database_url,
            broker_url=redis_url,
            redis_url=redis_url,
        )
        with pytest.raises(StartError, match=f"Port {port} .* JOBGROUPS_METRICS_PORT"), Supervisor(settings):
            pass


@pytest.mark.parametrize("queue", [COMMAND_QUEUE, INTAKE_QUEUE])
def test_the_depth_of_a_queue_of_rabbitmq(spare_rabbitmq_url: str, queue: object) -> None:
    with connect(spare_rabbitmq_url) as connection, connection.channel() as channel:
        bound = queue(channel)  # type: ignore[operator]
        bound.declare()
        bound.purge()
        for _ in range(3):
            connection.Producer(channel).publish("{}", exchange=bound.exchange.name, routing_key=bound.routing_key)
    facts = queue_facts(spare_rabbitmq_url, bound.name)
    assert eventually(lambda: Scrape.read(facts.collect()).value("jobgroups_queue_messages", queue=bound.name) == 3)
    with connect(spare_rabbitmq_url) as connection, connection.channel() as channel:
        queue(channel).purge()  # type: ignore[operator]


def test_a_server_that_is_away_is_said_to_be(clean_database: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    away = Scrape.read(queue_facts(f"redis://{nowhere}/0", names.COMMAND_QUEUE).collect())
    assert away.families.keys() == {"jobgroups_broker_up"}
    assert away.value("jobgroups_broker_up") == 0
    away = Scrape.read(database_facts(f"postgresql+psycopg://nobody@{nowhere}/none").collect())
    assert away.families.keys() == {"jobgroups_database_up"}
    assert Scrape.read(database_facts(clean_database).collect()).value("jobgroups_database_up") == 1
