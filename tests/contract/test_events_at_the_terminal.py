"""`jobgroups events`: what happens, live, and what happened, again."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue as Lines
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from kombu import Connection, Exchange, Queue

from models import names
from models.store.engine import make_engine
from settings import Settings
from tasks.handling import handle
from tests.command_line import jobgroups, jobgroups_process
from tests.commands import PATIENCE_SECONDS, create, eventually, new_id, select
from tests.contract.http_api import GROUPS, free_port, new_group
from tests.quiet import last_position
from tests.tcp_proxy import TcpProxy
from workers.supervision.supervisor import Supervisor

pytestmark = pytest.mark.usefixtures("quiet")


def settings_of(service: Supervisor, **more: str) -> dict[str, str]:
    addresses = {name: getattr(service.settings, name) for name in ("database_url", "broker_url", "redis_url")}
    return {"url": service.url, "api_key": service.api_key, **addresses, **more}


class Tail:
    """A running `jobgroups events tail`, and the lines that it writes."""

    def __init__(self, service: Supervisor, *arguments: str, **more: str) -> None:
        variables = {f"JOBGROUPS_{name.upper()}": value for name, value in settings_of(service, **more).items()}
        command = [sys.executable, "-m", "workers.command_line", "events", "tail", *arguments]
        self._process = subprocess.Popen(
            command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines: Lines[str] = Lines()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)

    def next_line(self) -> str:
        """Return the next line, once it is there."""
        return self._lines.get(timeout=PATIENCE_SECONDS)

    def next_event(self) -> dict[str, Any]:
        """Return the event in it."""
        event: dict[str, Any] = json.loads(self.next_line())
        return event

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit status, and what stood on standard error."""
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(10)
        assert self._process.stderr
        return status, self._process.stderr.read()

    def kill(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._reader.join()
        with self._process:  # closes its pipes
            pass


@contextmanager
def tail(service: Supervisor, *arguments: str, **more: str) -> Iterator[Tail]:
    """Run `jobgroups events tail` while the block lasts."""
    running = Tail(service, *arguments, **more)
    try:
        yield running
    finally:
        running.kill()


def test_events_come_as_they_happen_and_go_on_where_they_were_left(
    either_service: Supervisor, api: httpx.Client
) -> None:
    start, created = last_position(either_service), ("--type", "job_group.created", "--json")
    with tail(either_service, "--after", str(start), *created) as events:
        first = new_group(api)
        event = events.next_event()
        assert (event["subject"], event["sequence"]) == (first["id"], 1)
        assert event["type"] == "ocr_invoice.job_group.created.v1"
        status, told = events.interrupt()
    assert status == 0
    assert "Traceback" not in told
    # Interrupted before it has noted what it has just written, it repeats that: it never leaves one out.
    assert any(f"--after {position}." in told for position in (event["position"], start))
    second = new_group(api)
    with tail(either_service, "--after", str(event["position"]), *created) as events:
        assert events.next_event()["subject"] == second["id"]


def test_a_cut_loses_nothing_and_repeats_nothing(service: Supervisor) -> None:
    address, start = urlsplit(service.url), last_position(service)
    with (
        TcpProxy((str(address.hostname), address.port or 80)) as proxy,
        httpx.Client(base_url=service.url, headers={"X-API-Key": service.api_key}, trust_env=False) as api,
        tail(service, "--after", str(start), "--json", url=f"http://127.0.0.1:{proxy.port}") as events,
    ):
        new_group(api)
        positions = [events.next_event()["position"]]
        for _ in range(3):
            proxy.cut()
            new_group(api)
            new_group(api)
            positions += [events.next_event()["position"], events.next_event()["position"]]
    assert positions == list(range(start + 1, start + 8))


def test_only_what_was_asked_for_in_a_line_for_people(service: Supervisor) -> None:
    start = last_position(service)
    with httpx.Client(base_url=service.url, headers={"X-API-Key": service.api_key}, trust_env=False) as api:
        new_group(api)
        group = new_group(api, name="odd \x1b[2J name")
        api.patch(f"{GROUPS}/{group['id']}", json={"name": "another"}).raise_for_status()
        with tail(service, "--after", str(start), "--group", group["id"], "--type", "*.created") as events:
            line = events.next_line()
            new_group(api)
            last = new_group(api)
            api.delete(f"{GROUPS}/{group['id']}").raise_for_status()
            api.delete(f"{GROUPS}/{last['id']}").raise_for_status()
            status, told = events.interrupt()
    assert group["id"] in line
    assert "job_group.created" in line
    assert "name=odd \N{REPLACEMENT CHARACTER}[2J name" in line
    assert events._lines.empty()
    assert (status, f"--after {start + 2}" in told) == (0, True)


@pytest.mark.parametrize(
    ("more", "arguments", "status", "told"),
    [
        ({"api_key": "wrong"}, [], 2, "401"),
        ({"url": f"http://127.0.0.1:{free_port()}"}, [], 7, "does not answer"),
        ({}, ["--type", "job.nothing"], 2, "matches no event"),
    ],
)
def test_what_cannot_work_ends_with_a_sentence(
    service: Supervisor, more: dict[str, str], arguments: list[str], status: int, told: str
) -> None:
    refused = jobgroups_process("events", "tail", *arguments, **settings_of(service, **more))
    assert (refused.returncode, refused.stdout) == (status, "")
    assert told in " ".join(refused.stderr.split())


def test_without_an_address_it_says_what_to_set() -> None:
    refused = jobgroups_process("events", "tail", home="/nowhere")
    assert refused.returncode == 2
    assert "JOBGROUPS_URL is not set" in refused.stderr


def replayed(service: Supervisor, *arguments: str) -> list[dict[str, Any]]:
    run = jobgroups(service.settings, "events", "replay", "--json", *arguments)
    assert run.exit_code == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_what_is_kept_is_given_again_between_two_positions(service: Supervisor) -> None:
    start = last_position(service)
    with httpx.Client(base_url=service.url, headers={"X-API-Key": service.api_key}, trust_env=False) as api:
        groups = [new_group(api)["id"] for _ in range(3)]
        api.delete(f"{GROUPS}/{groups[0]}").raise_for_status()
    last_position(service)
    everything = replayed(service, "--after", str(start))
    assert [event["position"] for event in everything] == list(range(start + 1, start + 5))
    assert [event["subject"] for event in everything] == [*groups, groups[0]]
    assert replayed(service, "--after", str(start + 1), "--until", str(start + 3)) == everything[1:3]
    assert replayed(service, "--after", str(start), "--group", groups[0]) == [everything[0], everything[3]]
    assert replayed(service, "--after", str(start), "--type", "*.deleted") == everything[3:]
    assert replayed(service, "--after", str(start), "--type", "*.deleted", "--group", groups[0]) == everything[3:]
    cut = everything[2]["time"]
    assert [event["time"] <= cut for event in replayed(service, "--after", str(start), "--until-time", cut)] == [
        True
    ] * 3
    assert replayed(service, "--after", str(start + 4)) == []


def test_what_is_not_kept_is_not_passed_over(clean_database: str) -> None:
    engine = make_engine(clean_database)
    handle(engine, [create(new_id()) for _ in range(3)])
    engine.dispose()
    select(clean_database, "UPDATE events SET position = ordinal + 100 RETURNING id")
    settings = Settings(database_url=clean_database)
    run = jobgroups(settings, "events", "replay", "--after", "50")
    assert (run.exit_code, run.stdout) == (3, "")
    assert "begins with --after 100" in run.stderr
    assert jobgroups(settings, "events", "replay", "--after", "0").stdout.count("\n") == 3


@contextmanager
def queues(broker_url: str) -> Iterator[list[Queue]]:
    """Two queues of subscribers, bound to all events; the events before are not in them."""
    exchange = Exchange(names.EVENT_EXCHANGE, type="topic", durable=True)
    with Connection(broker_url) as connection:
        bound = [Queue(f"tests.{new_id()}", exchange, routing_key="#")(connection.channel()) for _ in range(2)]
        for queue in bound:
            queue.declare()
        try:
            yield bound
        finally:
            for queue in bound:
                queue.delete()


def test_what_is_kept_is_sent_again_to_one_queue_and_to_no_other(either_service: Supervisor, api: httpx.Client) -> None:
    start = last_position(either_service)
    for _ in range(3):
        new_group(api)
    last_position(either_service)
    kept = replayed(either_service, "--after", str(start))
    with queues(either_service.settings.require("broker_url")) as (one, other):
        arguments = ("--after", str(start), "--to", one.name, "--json")
        run = jobgroups(either_service.settings, "events", "replay", *arguments)
        assert run.exit_code == 0, run.stderr
        assert json.loads(run.stdout) == {"publishedCount": 3, "position": start + 3}
        arrived = [eventually(one.get) for _ in range(3)]
        assert [
            {**orjson.loads(message.body), "position": event["position"]}
            for message, event in zip(arrived, kept, strict=True)
        ] == kept
        assert [message.properties["message_id"] for message in arrived] == [event["id"] for event in kept]
        assert (one.get(), other.get()) == (None, None)


@pytest.mark.parametrize(("queue", "status"), [("nobodys", 3), (names.COMMAND_QUEUE, 2)])
def test_a_queue_that_is_no_subscribers_gets_nothing(either_service: Supervisor, queue: str, status: int) -> None:
    run = jobgroups(either_service.settings, "events", "replay", "--after", "0", "--to", queue)
    assert (run.exit_code, run.stdout) == (status, "")
    assert run.stderr


def test_a_broker_that_is_away_is_status_7(service: Supervisor) -> None:
    nobody = f"amqp://127.0.0.1:{free_port()}//"
    run = jobgroups(service.settings, "events", "replay", "--after", "0", "--to", "a-queue", broker_url=nobody)
    assert (run.exit_code, run.stdout) == (7, "")
    assert "Replay again" in run.stderr
