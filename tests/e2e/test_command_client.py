"""Commands carried out through the client library: the outcome comes, whatever goes missing on the way."""

import asyncio
import time

import pytest

import client.command_client
from client.command_client import AsyncCommandClient, CommandClient, OutcomeUnknown
from client.outcomes import OutcomeListener
from models.outcome import Outcome
from tests.commands import create, new_id, update
from tests.tcp_proxy import proxy_to, through
from workers.supervision.supervisor import Supervisor


def urls(service: Supervisor) -> tuple[str, str]:
    return service.settings.require("broker_url"), service.settings.require("redis_url")


def test_threads_learn_the_outcomes_of_many(either_service: Supervisor) -> None:
    commands = [create(new_id()) for _ in range(1000)]
    with CommandClient(*urls(either_service)) as client:
        awaited = [client.submit(command) for command in commands]
        outcomes = [each.result() for each in awaited]
        again = client.carry_out(commands[0])
        refused = client.carry_out(update(new_id()))
    assert [outcome.command_id for outcome in outcomes] == [command.id for command in commands]
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert again == outcomes[0]
    assert refused.status == "rejected"
    assert refused.error is not None
    assert refused.error.code == "not_found"


def test_coroutines_do_too(service: Supervisor) -> None:
    async def ask() -> list[Outcome]:
        async with AsyncCommandClient(*urls(service)) as client:
            return await asyncio.gather(*(client.carry_out(create(new_id())) for _ in range(100)))

    assert {outcome.status for outcome in asyncio.run(ask())} == {"succeeded"}


def test_an_outcome_that_went_missing_is_asked_for_again(
    either_service: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear, missed = OutcomeListener._take, []

    def miss_the_first(self: OutcomeListener, published: bytes) -> None:
        if missed:
            hear(self, published)
        missed.append(published)

    monkeypatch.setattr(OutcomeListener, "_take", miss_the_first)
    monkeypatch.setattr(client.command_client, "REPEAT_SECONDS", (0.5,))
    command = create(new_id())
    with CommandClient(*urls(either_service)) as client_:
        outcome = client_.carry_out(command)
    assert (outcome.status, outcome.version) == ("succeeded", 1)
    assert len(missed) == 2


def test_a_broker_that_is_away_for_a_while_costs_nothing_but_time(either_service: Supervisor) -> None:
    broker_url, redis_url = urls(either_service)
    with proxy_to(broker_url) as proxy, CommandClient(through(proxy, broker_url), redis_url) as client:
        assert client.carry_out(create(new_id())).status == "succeeded"
        proxy.refuse()
        awaited = [client.submit(create(new_id())) for _ in range(50)]
        time.sleep(1)
        assert not any(each.done() for each in awaited)
        proxy.admit()
        assert {each.result().status for each in awaited} == {"succeeded"}


def test_who_learns_nothing_is_told_what_to_do(redis_url: str) -> None:
    """At a Redis where no worker is."""
    began_at = time.monotonic()
    with CommandClient(redis_url, redis_url, patience_seconds=1) as client:
        with pytest.raises(OutcomeUnknown, match="send it again under the same id"):
            client.carry_out(create(new_id()))
        awaited = client.submit(create(new_id()))
    assert awaited.cancelled()
    assert time.monotonic() - began_at < 5
