"""The command producer on a real Redis and a RabbitMQ node of its own, with nobody else at the queue."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import pytest
from kombu import Connection, pools
from redis import Redis

from client.broker import COMMAND_QUEUE, connect
from client.producer import MAX_NESTING, BrokerUnavailable, CommandProducer
from models.commands import MAX_BATCH_BYTES, MAX_BATCH_COUNT, CommandEnvelope
from tests.commands import create, item, new_id
from tests.contract.http_api import free_port
from tests.integration.command_queue import commands_in, emptied, ids_in, waiting

CONFIRM_SECONDS = 20


@pytest.fixture
def broker_url(broker_url: str) -> str:
    """A broker with an empty command queue."""
    return emptied(broker_url)


def test_what_is_sent_arrives_as_it_was(broker_url: str) -> None:
    envelope = create(new_id(), metadata={"text": "é\ud800\x00", "number": 2**70})
    envelope = envelope.model_copy(update={"actor": "me", "reply_to": "ocr_invoice.outcomes.x"})
    with CommandProducer(broker_url) as producer:
        producer.send(envelope).result(CONFIRM_SECONDS)
    (message,) = waiting(broker_url)
    assert commands_in([message]) == [item(envelope)]
    assert CommandEnvelope.model_validate(commands_in([message])[0]) == envelope
    assert message.headers["task"] == "command.handle_batch"
    assert "March" not in str(message.headers)


def test_a_broker_that_knows_nothing_of_the_service_takes_commands_too(redis_url: str, rabbitmq_url: str) -> None:
    """No worker has declared its queue yet, and this process has no connection from before."""
    pools.reset()
    for url in (redis_url, rabbitmq_url):
        with connect(url) as connection:
            COMMAND_QUEUE(connection.channel()).delete()
            COMMAND_QUEUE.exchange(connection.channel()).delete()
        command = create(new_id())
        with CommandProducer(url) as producer:
            producer.send(command).result(CONFIRM_SECONDS)
        assert ids_in(waiting(url)) == [command.id]


def test_a_producer_outlives_what_its_redis_knew(redis_url: str) -> None:
    """A failover to an empty Redis leaves a producer with a connection, and no queue declared behind it."""
    with CommandProducer(redis_url) as producer, Redis.from_url(redis_url) as redis:
        producer.send(create(new_id())).result(CONFIRM_SECONDS)
        redis.flushall()
        command = create(new_id())
        producer.send(command).result(CONFIRM_SECONDS)
        assert redis.llen(COMMAND_QUEUE.name) == 1
    assert ids_in(waiting(redis_url)) == [command.id]


def test_a_confirmed_command_is_with_the_broker(broker_url: str) -> None:
    with CommandProducer(broker_url) as producer:
        for _ in range(10):
            envelope = create(new_id())
            producer.send(envelope).result(CONFIRM_SECONDS)
            assert ids_in(waiting(broker_url)) == [envelope.id]


def test_everything_that_many_threads_send_arrives_once_and_in_full_batches(broker_url: str) -> None:
    threads, each = 8, 250
    with CommandProducer(broker_url) as producer:

        def send(_: int) -> list[tuple[str, Future[None]]]:
            envelopes = [create(new_id()) for _ in range(each)]
            return [(envelope.id, producer.send(envelope)) for envelope in envelopes]

        with ThreadPoolExecutor(threads) as pool:
            sent = list(pool.map(send, range(threads)))
        for _, confirmed in (pair for pairs in sent for pair in pairs):
            confirmed.result(CONFIRM_SECONDS)
    messages = waiting(broker_url)
    arrived = ids_in(messages)
    assert sorted(arrived) == sorted(id_ for pairs in sent for id_, _ in pairs)
    for pairs in sent:
        mine = {id_ for id_, _ in pairs}
        assert [id_ for id_ in arrived if id_ in mine] == [id_ for id_, _ in pairs]
    assert len(messages) <= threads * each // 10
    assert max(len(commands_in([message])) for message in messages) <= MAX_BATCH_COUNT


def test_a_lone_command_does_not_wait_for_others(broker_url: str) -> None:
    with CommandProducer(broker_url) as producer:
        producer.send(create(new_id())).result(CONFIRM_SECONDS)  # opens the connection
        started_at = time.monotonic()
        for _ in range(5):
            producer.send(create(new_id())).result(CONFIRM_SECONDS)
        assert (time.monotonic() - started_at) / 5 < 0.2


TEXTS: dict[str, Callable[[int], Any]] = {
    "plain": lambda bytes_: "x" * bytes_,
    "escaped": lambda bytes_: "é" * (bytes_ // 6),
    "small numbers": lambda bytes_: [1] * (bytes_ // 3),
}


@pytest.mark.parametrize("fill", TEXTS.values(), ids=TEXTS)
def test_no_message_is_larger_than_the_workers_take(broker_url: str, fill: Callable[[int], Any]) -> None:
    envelopes = [create(new_id(), metadata={"fill": fill(200_000)}) for _ in range(50)]
    with CommandProducer(broker_url) as producer:
        for confirmed in [producer.send(envelope) for envelope in envelopes]:
            confirmed.result(CONFIRM_SECONDS)
    messages = waiting(broker_url)
    assert ids_in(messages) == [envelope.id for envelope in envelopes]
    assert max(len(message.body) for message in messages) <= MAX_BATCH_BYTES
    assert 3 <= len(messages) < len(envelopes)


def test_a_withdrawn_command_is_not_sent(broker_url: str) -> None:
    with CommandProducer(broker_url) as producer:
        envelopes = [create(new_id(), metadata={"fill": "x" * 50_000}) for _ in range(150)]
        sent = [(envelope.id, producer.send(envelope)) for envelope in envelopes]
        withdrawn = {id_ for id_, confirmed in reversed(sent) if confirmed.cancel()}
    assert withdrawn
    assert ids_in(waiting(broker_url)) == [id_ for id_, _ in sent if id_ not in withdrawn]
    for id_, confirmed in sent:
        if id_ in withdrawn:
            with pytest.raises(CancelledError):
                confirmed.result(0)
        else:
            assert confirmed.result(0) is None


def test_closing_hands_over_what_waits(broker_url: str) -> None:
    producer = CommandProducer(broker_url)
    sent = [(envelope.id, producer.send(envelope)) for envelope in (create(new_id()) for _ in range(700))]
    producer.close()
    assert all(confirmed.done() and confirmed.exception() is None for _, confirmed in sent)
    assert ids_in(waiting(broker_url)) == [id_ for id_, _ in sent]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_without_a_broker_the_sender_is_told_soon(scheme: str) -> None:
    started_at = time.monotonic()
    with CommandProducer(f"{scheme}://127.0.0.1:{free_port()}") as producer:
        with pytest.raises(BrokerUnavailable):
            producer.send(create(new_id())).result(CONFIRM_SECONDS)
        with pytest.raises(BrokerUnavailable):
            producer.send(create(new_id())).result(CONFIRM_SECONDS)
    assert time.monotonic() - started_at < 15


def test_a_queue_that_is_not_there_is_no_confirmation(rabbitmq_url: str) -> None:
    with CommandProducer(rabbitmq_url) as producer:
        producer.send(create(new_id())).result(CONFIRM_SECONDS)
        with Connection(rabbitmq_url) as connection:
            COMMAND_QUEUE(connection.channel()).delete()
        # Celery declares the queue once for each producer; whoever deletes it afterwards must not lose commands.
        with pytest.raises(BrokerUnavailable):
            producer.send(create(new_id())).result(CONFIRM_SECONDS)


def test_a_producer_comes_back_with_its_broker(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, CommandProducer(redis_url) as producer:
        producer.send(create(new_id())).result(CONFIRM_SECONDS)
        redis.client_kill_filter(_type="normal", skipme=True)
        envelope = create(new_id())
        producer.send(envelope).result(CONFIRM_SECONDS)
    assert ids_in(waiting(redis_url))[-1] == envelope.id


def test_data_nested_too_deep_are_refused_before_they_meet_the_commands_of_others(redis_url: str) -> None:
    def nested(depth: int) -> CommandEnvelope:
        data: dict[str, Any] = {}
        for _ in range(depth - 1):
            data = {"a": data}
        return CommandEnvelope(id=new_id(), type="job_group.create", data=data)

    with CommandProducer(redis_url) as producer:
        producer.send(nested(MAX_NESTING)).result(CONFIRM_SECONDS)
        for depth in (MAX_NESTING + 1, 300, 5000):
            with pytest.raises(ValueError, match="nest"):
                producer.send(nested(depth))
