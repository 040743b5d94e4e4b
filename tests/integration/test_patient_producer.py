"""The command producer while its broker is away, and under coroutines."""

import asyncio
import time

import pytest

from client.producer import BrokerUnavailable, CommandProducer
from models.commands import CommandEnvelope
from tests.commands import create, new_id
from tests.contract.http_api import free_port
from tests.integration.command_queue import emptied, ids_in, waiting
from tests.tcp_proxy import TcpProxy, proxy_to, through

CONFIRM_SECONDS = 20


@pytest.fixture
def broker_url(broker_url: str) -> str:
    """A broker with an empty command queue."""
    return emptied(broker_url)


def test_a_patient_producer_sends_what_its_broker_was_away_for(broker_url: str) -> None:
    envelopes = [create(new_id()) for _ in range(20)]
    with proxy_to(broker_url) as proxy:
        proxy.refuse()
        with CommandProducer(through(proxy, broker_url), patience_seconds=CONFIRM_SECONDS) as producer:
            sent = [producer.send(envelope) for envelope in envelopes]
            time.sleep(1)
            assert not any(confirmed.done() for confirmed in sent)
            proxy.admit()
            for confirmed in sent:
                confirmed.result(CONFIRM_SECONDS)
            proxy.refuse()
            again = producer.send(envelopes[0])
            time.sleep(0.3)
            proxy.admit()
            again.result(CONFIRM_SECONDS)
    assert list(dict.fromkeys(ids_in(waiting(broker_url)))) == [envelope.id for envelope in envelopes]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_patience_ends(scheme: str) -> None:
    began_at = time.monotonic()
    with CommandProducer(f"{scheme}://127.0.0.1:{free_port()}", patience_seconds=1) as producer:
        for confirmed in [producer.send(create(new_id())) for _ in range(3)]:
            with pytest.raises(BrokerUnavailable):
                confirmed.result(CONFIRM_SECONDS)
        assert 1 <= time.monotonic() - began_at < 10
        producer.send(create(new_id()))
        closing_at = time.monotonic()
    assert time.monotonic() - closing_at < 5


def test_coroutines_await_their_confirmations(broker_url: str) -> None:
    envelopes = [create(new_id()) for _ in range(200)]

    async def awaited(producer: CommandProducer, envelope: CommandEnvelope) -> None:
        assert await producer.send(envelope) is None

    async def send() -> None:
        async with CommandProducer(broker_url) as producer:
            await asyncio.gather(*(awaited(producer, envelope) for envelope in envelopes))

    asyncio.run(send())
    assert ids_in(waiting(broker_url)) == [envelope.id for envelope in envelopes]


def test_a_coroutine_that_gives_up_withdraws_its_command(broker_url: str) -> None:
    kept, withdrawn = create(new_id()), create(new_id())

    async def send(producer: CommandProducer, proxy: TcpProxy) -> None:
        proxy.fall_silent()
        first = asyncio.ensure_future(producer.send(kept))  # on its way: the next one waits for its turn
        await asyncio.sleep(0.2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(producer.send(withdrawn), 0.2)
        proxy.speak()
        await first

    with (
        proxy_to(broker_url) as proxy,
        CommandProducer(through(proxy, broker_url)) as producer,
    ):
        asyncio.run(send(producer, proxy))
    assert ids_in(waiting(broker_url)) == [kept.id]


def test_a_coroutine_is_told_that_the_broker_is_away() -> None:
    async def send() -> None:
        async with CommandProducer(f"redis://127.0.0.1:{free_port()}") as producer:
            await producer.send(create(new_id()))

    with pytest.raises(BrokerUnavailable):
        asyncio.run(send())
