"""Faults of the brokers and of the processes that read from them, each planted for real."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from client.broker import COMMAND_QUEUE, connect
from client.subscriber import Subscriber
from models import names
from tests.contract.http_api import free_port
from tests.e2e.doctor.conftest import rabbitmq_as
from tests.e2e.doctor.diagnosis import FAULT, FINE, NOT_CHECKED, WARNING, Diagnosis
from tests.integration.subscribing import queue_name
from tests.servers import RabbitMQ
from workers.operating.doctor.redis import LONG_COUNT

Ask = Callable[..., Diagnosis]


@pytest.fixture
def diagnose(database_url: str, redis_url: str, tmp_path: Path) -> Ask:
    """Ask the doctor about a broker, with a database that answers and a home of the test's own."""

    def ask(broker_url: str = redis_url, **more: str) -> Diagnosis:
        settings = {"database_url": database_url.replace("+psycopg", ""), "broker_url": broker_url}
        return Diagnosis(**settings | {"redis_url": redis_url, "home": str(tmp_path)} | more)

    return ask


@contextmanager
def configured(url: str, name: str, value: str) -> Iterator[None]:
    with Redis.from_url(url, decode_responses=True) as redis:
        before: Any = redis.config_get(name)
        redis.config_set(name, value)
        try:
            yield
        finally:
            redis.config_set(name, before[name])


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_no_broker(diagnose: Ask, scheme: str) -> None:
    diagnosis = diagnose(f"{scheme}://me:secret-word@127.0.0.1:{free_port()}//")
    assert diagnosis.exit_status == 9
    assert diagnosis.verdicts("broker", "broker durability", "worker", "intake") == [FAULT, *[NOT_CHECKED] * 3]
    assert "refused" in diagnosis.text_of("broker")
    assert diagnosis.verdicts("database", "outcomes") == [FINE, FINE]
    assert "secret-word" not in diagnosis.text


def test_no_redis_for_outcomes(diagnose: Ask) -> None:
    diagnosis = diagnose(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert diagnosis.verdicts("outcomes", "broker") == [FAULT, FINE]
    assert "JOBGROUPS_REDIS_URL" in diagnosis.text_of("outcomes")


def test_what_is_no_redis(diagnose: Ask) -> None:
    assert "names no Redis" in diagnose(redis_url="amqp://127.0.0.1//").text_of("outcomes")


def test_a_wrong_password_for_redis(diagnose: Ask, redis_url: str) -> None:
    diagnosis = diagnose(redis_url.replace("redis://:", "redis://:not-"))
    assert diagnosis.verdicts("broker") == [FAULT]
    assert "Correct the user and the password" in diagnosis.text_of("broker")


def test_a_redis_without_a_file(diagnose: Ask, redis_url: str) -> None:
    assert diagnose().verdicts("broker durability") == [FINE]
    with configured(redis_url, "appendonly", "no"):
        diagnosis = diagnose()
    assert diagnosis.verdicts("broker durability") == [FAULT]
    assert "appendonly yes" in diagnosis.text_of("broker durability")


def test_a_redis_that_throws_away(diagnose: Ask, redis_url: str) -> None:
    with configured(redis_url, "maxmemory-policy", "allkeys-lru"):
        diagnosis = diagnose()
    assert diagnosis.verdicts("broker durability") == [FAULT]
    assert "allkeys-lru" in diagnosis.text_of("broker durability")


def test_a_redis_that_is_nearly_full(diagnose: Ask, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        used: Any = redis.info("memory")
    with configured(redis_url, "maxmemory", str(int(used["used_memory"] * 1.05))):
        assert diagnose().verdicts("broker durability") == [WARNING]


def test_what_a_user_of_redis_may_not_ask(diagnose: Ask, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.execute_command("ACL", "SETUSER", "humble", "on", ">pw", "~*", "-@all", "+ping", "+client|setinfo")
        try:
            diagnosis = diagnose(f"redis://humble:pw{redis_url[redis_url.index('@') :]}")
        finally:
            redis.execute_command("ACL", "DELUSER", "humble")
    assert diagnosis.verdicts("broker", "broker durability", "worker", "subscribers") == [FINE, *[NOT_CHECKED] * 3]
    assert "that may ask" in diagnosis.text_of("worker")


def test_nobody_reads_from_redis(diagnose: Ask, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.delete(names.INTAKE, names.COMMAND_QUEUE)
        redis.lpush(names.COMMAND_QUEUE, "waits")
        try:
            diagnosis = diagnose()
        finally:
            redis.delete(names.COMMAND_QUEUE)
    assert diagnosis.verdicts("worker", "intake") == [FAULT, FAULT]
    assert "1 messages wait" in diagnosis.text_of("worker")
    assert "jobgroups worker" in diagnosis.text_of("worker")


def test_a_subscriber_that_is_gone(diagnose: Ask, redis_url: str) -> None:
    with queue_name(redis_url) as name:
        Subscriber(redis_url, name, print).declare()
        with Redis.from_url(redis_url) as redis:
            redis.rpush(name, *["event"] * (LONG_COUNT - 1))
            assert diagnose().verdicts("subscribers") == [FINE]
            redis.rpush(name, "event")
            diagnosis = diagnose()
    assert diagnosis.verdicts("subscribers") == [WARNING]
    assert f"jobgroups events unsubscribe {name}" in diagnosis.text_of("subscribers")


def test_a_wrong_password_for_rabbitmq(diagnose: Ask, own_rabbitmq: RabbitMQ) -> None:
    diagnosis = diagnose(own_rabbitmq.url.replace("guest:guest", "allowed:not"))
    assert diagnosis.verdicts("broker") == [FAULT]
    assert "Correct user, password" in diagnosis.text_of("broker")


def test_nobody_reads_from_rabbitmq(diagnose: Ask, own_rabbitmq: RabbitMQ) -> None:
    diagnosis = diagnose(rabbitmq_as(own_rabbitmq, "allowed"))
    assert diagnosis.verdicts("broker", "worker", "intake") == [FINE, FAULT, FAULT]
    assert "None has ever read" in diagnosis.text_of("worker")
    with declared(own_rabbitmq, COMMAND_QUEUE.queue_arguments):
        diagnosis = diagnose(rabbitmq_as(own_rabbitmq, "allowed"))
    assert "None is connected; 0 messages wait" in diagnosis.text_of("worker")
    assert diagnosis.verdicts("broker durability") == [FINE]


def test_a_queue_that_is_declared_otherwise(diagnose: Ask, own_rabbitmq: RabbitMQ) -> None:
    with declared(own_rabbitmq, {}):
        diagnosis = diagnose(rabbitmq_as(own_rabbitmq, "allowed"))
    assert diagnosis.verdicts("broker durability") == [FAULT]
    assert "inequivalent arg" in diagnosis.text_of("broker durability")
    assert "delete_queue ocr_invoice.commands" in diagnosis.text_of("broker durability")


def test_a_user_without_a_permission(diagnose: Ask, own_rabbitmq: RabbitMQ) -> None:
    with declared(own_rabbitmq, COMMAND_QUEUE.queue_arguments):
        diagnosis = diagnose(rabbitmq_as(own_rabbitmq, "forbidden"))
    assert diagnosis.verdicts("broker", "broker durability", "worker") == [FINE, WARNING, FAULT]
    assert "may not declare ocr_invoice.commands (worker, intake and api)" in diagnosis.text_of("broker durability")


@contextmanager
def declared(node: RabbitMQ, arguments: dict[str, Any]) -> Iterator[None]:
    """Have the command queue there with these `arguments`, and nobody who reads it."""
    with connect(node.url) as connection, connection.channel() as channel:
        queue = COMMAND_QUEUE(channel)
        queue.queue_arguments = arguments
        queue.declare()
        try:
            yield
        finally:
            queue.delete()
