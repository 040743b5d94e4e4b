"""The users in docs/brokers/ suffice: each process works as its own, and is refused what is not its business."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import amqp
import httpx
import pytest
from amqp.exceptions import AccessRefused
from kombu import Connection, Queue
from redis import Redis
from redis.exceptions import NoPermissionError

from client.broker import is_redis
from client.subscriber import Subscriber
from models import names
from tests.commands import ask, celery_client, create, document, eventually, new_id
from tests.contract.http_api import client_of, free_port, new_group
from tests.servers import rabbitmq_reason_to_skip, start_rabbitmq
from workers.metrics.queues import queue_facts, subscriber_facts
from workers.subscriber_queues import NoSuchQueue, remove
from workers.supervision import embedded_redis

BROKERS = Path(__file__).parents[2] / "docs" / "brokers"
PROCESSES = ("housekeeping", "relay", "worker", "intake", "api")
KEY = "key-of-this-test"


@dataclass(frozen=True)
class LockedDown:
    """A service whose processes have a broker user each."""

    url: str
    database_url: str
    broker: str
    """An address of the broker with {user} and {password} in it."""
    redis: str
    """The same of the Redis that carries outcomes and results."""

    def broker_url(self, user: str) -> str:
        return self.broker.format(user=f"jobgroups-{user}", password=user.upper())

    def redis_url(self, user: str) -> str:
        return self.redis.format(user=f"jobgroups-{user}", password=user.upper())


@contextmanager
def redis_with_users(home: Path) -> Iterator[tuple[str, Redis]]:
    server = embedded_redis.start(home)
    admin = Redis.from_url(server.url, decode_responses=True)
    try:
        for line in (BROKERS / "redis.acl").read_text().splitlines():
            if line.startswith("user jobgroups-"):
                admin.execute_command("ACL", "SETUSER", *line.split()[1:])
        yield f"redis://{{user}}:{{password}}@127.0.0.1:{urlsplit(server.url).port}/0", admin
    finally:
        admin.close()
        server.stop()


@contextmanager
def rabbitmq_with_users(directory: Path) -> Iterator[str]:
    if reason := rabbitmq_reason_to_skip():
        pytest.skip(reason)
    definitions = json.loads((BROKERS / "rabbitmq.json").read_text())
    definitions["users"].append({"name": "guest", "password": "guest", "tags": ""})
    definitions["permissions"].append({"user": "guest", "vhost": "/", "configure": "^$", "write": "^$", "read": "^$"})
    file = directory / "definitions.json"
    file.write_text(json.dumps(definitions))
    server = start_rabbitmq(directory, file)
    try:
        yield server.url.replace("guest:guest", "{user}:{password}")
    finally:
        server.stop()


@contextmanager
def running(database_url: str, broker: str, redis: str, logs: Path) -> Iterator[LockedDown]:
    port = free_port()
    service = LockedDown(f"http://127.0.0.1:{port}", database_url, broker, redis)
    with ExitStack() as stack:
        for name in PROCESSES:
            user = "none" if name == "housekeeping" else name  # it needs no broker
            environment = {
                "JOBGROUPS_DATABASE_URL": database_url.replace("+psycopg", ""),
                "JOBGROUPS_BROKER_URL": service.broker_url(user),
                "JOBGROUPS_REDIS_URL": service.redis_url(user),
                "JOBGROUPS_API_KEYS": KEY,
                "JOBGROUPS_PORT": str(port),
            }
            log = stack.enter_context((logs / f"{name}.log").open("wb"))
            command = [sys.executable, "-m", "workers.command_line", name]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        eventually(lambda: is_ready(service.url), 40)
        yield service


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def redis_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Redis]]:
    with redis_with_users(tmp_path_factory.mktemp("locked-redis")) as server:
        yield server


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def service(
    request: pytest.FixtureRequest,
    database_url: str,
    redis_home: tuple[str, Redis],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LockedDown]:
    redis, _ = redis_home
    logs = tmp_path_factory.mktemp("locked-logs")
    with ExitStack() as stack:
        broker = redis
        if request.param == "rabbitmq":
            broker = stack.enter_context(rabbitmq_with_users(tmp_path_factory.mktemp("locked-rabbitmq")))
        yield stack.enter_context(running(database_url, broker, redis, logs))


def test_commands_come_in_from_all_sides_and_events_go_out(service: LockedDown) -> None:
    with subscribed(service) as events, client_of(service.url, KEY) as api:
        new_group(api)
        by_http = new_group(api)["id"]
        with celery_client(service.broker_url("sender"), service.redis_url("sender")) as client:
            sent = create(new_id())
            to_exchange = {"exchange": names.COMMAND_QUEUE, "routing_key": names.COMMAND_QUEUE}
            by_celery = ask(client, sent, **to_exchange)["groupId"]
        by_json = new_id()
        produce(service, document(create(by_json)))
        assert api.post("/ocr-invoice-job-groups", json={}, headers={"Prefer": "respond-async"}).status_code == 422
        asynchronous = api.post(
            "/ocr-invoice-job-groups", json={"name": "n", "template": "t"}, headers={"Prefer": "respond-async"}
        )
        assert api.get(asynchronous.headers["Location"]).status_code == 200
        expected = {by_http, by_celery, by_json}
        eventually(lambda: expected <= {event["subject"] for event in events})


@pytest.mark.parametrize(("user", "queue"), [("worker", names.COMMAND_QUEUE), ("intake", names.INTAKE)])
def test_who_reads_a_queue_may_ask_how_long_it_is(service: LockedDown, user: str, queue: str) -> None:
    answers = {family.name for family in queue_facts(service.broker_url(user), queue).collect()}
    assert "jobgroups_queue_messages" in answers


def test_a_subscriber_may_delete_its_own_queue_also_after_a_crash(service: LockedDown) -> None:
    broker_url = service.broker_url("subscriber")
    Subscriber(broker_url, "accounting.gone", print).declare()
    if is_redis(broker_url):
        with Redis.from_url(service.broker_url("relay")) as redis:
            redis.sadd("accounting.gone.readers", "dead")
    assert remove(broker_url, "accounting.gone") == 0
    with pytest.raises(NoSuchQueue):
        remove(broker_url, "accounting.gone")


@pytest.mark.parametrize("user", ["relay", "doctor"])
def test_on_redis_these_may_ask_how_long_the_queues_of_subscribers_are(
    redis_home: tuple[str, Redis], user: str
) -> None:
    address, _ = redis_home
    url = address.format(user=f"jobgroups-{user}", password=user.upper())
    assert "jobgroups_subscriber_queues" in {family.name for family in subscriber_facts(url).collect()}


@contextmanager
def subscribed(service: LockedDown) -> Iterator[list[dict[str, Any]]]:
    """Give the events that come, all but the first, which is parked."""
    events: list[dict[str, Any]] = []
    parked: list[str] = []

    def take(event: dict[str, Any]) -> None:
        if not parked:
            parked.append(event["id"])
            raise LookupError
        events.append(event)

    subscriber = Subscriber(service.broker_url("subscriber"), "accounting.events", take, max_attempts=1)
    subscriber.declare()
    thread = Thread(target=subscriber.run)
    thread.start()
    try:
        yield events
    finally:
        subscriber.stop()
        thread.join(20)
    with Connection(service.broker_url("subscriber")) as connection:
        message = Queue("accounting.events.parked", channel=connection.channel()).get(no_ack=True)
    assert parked[0].encode() in message.body


def produce(service: LockedDown, body: bytes) -> None:
    if service.broker.startswith("redis"):
        Redis.from_url(service.broker_url("producer")).xadd(names.INTAKE, {"command": body})
        return
    with Connection(service.broker_url("producer"), transport_options={"confirm_publish": True}) as connection:
        connection.Producer().publish(body, exchange=names.INTAKE, routing_key=names.INTAKE)


REDIS_REFUSALS = [
    ("doctor", ("LRANGE", names.COMMAND_QUEUE, "0", "-1")),
    ("doctor", ("XRANGE", names.INTAKE, "-", "+")),
    ("doctor", ("GET", "celery-task-meta-x")),
    ("producer", ("LPUSH", names.COMMAND_QUEUE, "x")),
    ("producer", ("XRANGE", names.INTAKE, "-", "+")),
    ("producer", ("XADD", names.EVENT_STREAM, "*", "event", "{}")),
    ("sender", ("XADD", names.INTAKE, "*", "command", "{}")),
    ("sender", ("RPOP", names.COMMAND_QUEUE)),
    ("sender", ("PUBLISH", f"{names.OUTCOME_CHANNEL_PREFIX}x", "[]")),
    ("reader", ("XADD", names.EVENT_STREAM, "*", "event", "{}")),
    ("reader", ("GET", "celery-task-meta-x")),
    ("subscriber", ("LPUSH", names.COMMAND_QUEUE, "x")),
    ("subscriber", ("XADD", names.EVENT_STREAM, "*", "event", "{}")),
    ("relay", ("RPOP", names.COMMAND_QUEUE)),
    ("relay", ("PUBLISH", f"{names.OUTCOME_CHANNEL_PREFIX}x", "[]")),
    ("api", ("XADD", names.EVENT_STREAM, "*", "event", "{}")),
    ("api", ("RPOP", names.COMMAND_QUEUE)),
    ("worker", ("XADD", names.EVENT_STREAM, "*", "event", "{}")),
    ("worker", ("XADD", names.INTAKE, "*", "command", "{}")),
    ("intake", ("GET", "celery-task-meta-x")),
]
EVERYBODY = ("doctor", "api", "worker", "relay", "intake", "sender", "producer", "reader", "subscriber")
ADMINISTRATION = [("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("KEYS", "*"), ("SHUTDOWN",), ("MONITOR",)]


def test_the_console_opens_shows_the_flow_and_closes(service: LockedDown) -> None:
    with httpx.Client(base_url=service.url, headers={"Origin": service.url}, trust_env=False) as visitor:
        assert visitor.post("/console/login", data={"key": KEY}).status_code == 303
        flow = visitor.get("/console/flow")
        assert flow.status_code == 200
        assert re.search(r'id="figure-waiting_count">.*?<b>\d+</b>', flow.text, re.DOTALL)
        token = dict(visitor.cookies)
        assert visitor.post("/console/logout").status_code == 303
        visitor.cookies.update(token)
        assert visitor.get("/console/flow").status_code == 303


@pytest.mark.parametrize(("user", "command"), [*REDIS_REFUSALS, *((u, c) for u in EVERYBODY for c in ADMINISTRATION)])
def test_redis_refuses_what_is_not_a_users_business(
    redis_home: tuple[str, Redis], user: str, command: tuple[str, ...]
) -> None:
    address, _ = redis_home
    with Redis.from_url(address.format(user=f"jobgroups-{user}", password=user.upper())) as client:  # noqa: SIM117
        with pytest.raises(NoPermissionError):
            client.execute_command(*command)


RABBITMQ_REFUSALS = [
    ("producer", names.COMMAND_QUEUE, None),
    ("producer", "", names.COMMAND_QUEUE),
    ("producer", names.EVENT_EXCHANGE, None),
    ("sender", names.INTAKE, None),
    ("sender", names.EVENT_EXCHANGE, None),
    ("sender", "", names.INTAKE),
    ("subscriber", names.EVENT_EXCHANGE, None),
    ("subscriber", "", names.COMMAND_QUEUE),
    ("relay", names.COMMAND_QUEUE, None),
    ("relay", "", names.COMMAND_QUEUE),
    ("api", names.EVENT_EXCHANGE, None),
    ("worker", names.EVENT_EXCHANGE, None),
]


@pytest.mark.parametrize("service", ["rabbitmq"], indirect=True)
def test_rabbitmq_refuses_what_is_not_a_users_business(service: LockedDown) -> None:
    for user, exchange, routing_key in RABBITMQ_REFUSALS:
        with pytest.raises(AccessRefused), opened(service, user) as channel:
            channel.basic_publish_confirm(amqp.Message("x"), exchange=exchange, routing_key=routing_key or exchange)
    for user in ("api", "relay", "sender", "producer", "subscriber", "worker"):
        with pytest.raises(AccessRefused), opened(service, user) as channel:
            channel.basic_get(names.INTAKE)
        with pytest.raises(AccessRefused), opened(service, user) as channel:
            channel.queue_declare("of.my.own")


@contextmanager
def opened(service: LockedDown, user: str) -> Iterator[Any]:
    address = urlsplit(service.broker_url(user))
    host = f"{address.hostname}:{address.port}"
    with amqp.Connection(host, userid=address.username, password=address.password, confirm_publish=True) as connection:
        yield connection.channel()
