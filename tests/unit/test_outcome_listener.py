"""Waiting for outcomes: by message, by inbox, or not any longer."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy.exc import OperationalError

import client.outcomes
from api_stub import outcomes
from api_stub.outcomes import OutcomeWaiter
from models import names
from models.commands import CommandEnvelope
from models.errors import CommandIdReused
from models.outcome import HandledCommand, Outcome

GROUP_ID = uuid4()
UNSUBSCRIBED = Redis(port=1)


def command(id_: str, **data: object) -> CommandEnvelope:
    return CommandEnvelope(id=id_, type=names.JOB_GROUP_CREATE, data=data)


def outcome(command_id: str) -> Outcome:
    return Outcome(command_id=command_id, status="succeeded", type=names.JOB_GROUP_CREATE, group_id=GROUP_ID, version=1)


def message(*told: Outcome) -> bytes:
    return json.dumps([each.model_dump(mode="json") for each in told]).encode()


async def empty_inbox(_: CommandEnvelope) -> None:
    return None


def listening(test: Callable[[OutcomeWaiter], Awaitable[None]], inbox: outcomes.InboxReader = empty_inbox) -> None:
    """Run `test` with a listener, which must have forgotten everybody at the end."""

    async def run() -> None:
        listener = OutcomeWaiter(UNSUBSCRIBED, inbox)
        await test(listener)
        assert not listener._awaited

    asyncio.run(run())


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "LOOK_UP_SECONDS", (0.01, 0.02))


def test_the_channel_is_one_that_commands_may_name() -> None:
    async def test(listener: OutcomeWaiter) -> None:
        assert listener.channel.startswith(names.OUTCOME_CHANNEL_PREFIX)
        assert listener.channel != OutcomeWaiter(UNSUBSCRIBED, empty_inbox).channel

    listening(test)


def test_a_message_reaches_all_who_wait_for_its_commands() -> None:
    async def test(listener: OutcomeWaiter) -> None:
        with (
            listener.expecting(command("a")) as one,
            listener.expecting(command("a")) as two,
            listener.expecting(command("b")) as other,
        ):
            listener._take(message(outcome("x"), outcome("a")))
            listener._take(message(outcome("a")))
            assert (
                (await listener.wait(command("a"), one, 1)) == (await listener.wait(command("a"), two, 1)) is not None
            )
            assert await listener.wait(command("b"), other, 0.005) is None

    listening(test)


def test_nobody_is_told_the_outcome_of_another_command_of_the_same_id() -> None:
    mine, others = command("a", x=1, y=2), command("a", x=1)

    async def inbox(envelope: CommandEnvelope) -> Outcome | None:
        return HandledCommand(mine.fingerprint, outcome("a")).outcome_for(envelope)

    async def test(listener: OutcomeWaiter) -> None:
        with listener.expecting(mine) as arrival, listener.expecting(others) as other:
            listener._take(message(outcome("a")))
            assert await listener.wait(mine, arrival, 1, id_is_shared=True) == outcome("a")
            with pytest.raises(CommandIdReused):
                await listener.wait(others, other, 1, id_is_shared=True)

    listening(test, inbox)


@pytest.mark.parametrize(
    "garbage", [b"", b"5", b"null", b"[5]", b"[{}]", b'[{"commandId": "a"}]', b'[{"commandId": {}}]']
)
def test_a_message_that_cannot_be_read_disturbs_nobody(garbage: bytes) -> None:
    async def test(listener: OutcomeWaiter) -> None:
        with listener.expecting(command("a")) as arrival:
            listener._take(garbage)
            listener._take(message(outcome("a")))
            assert await listener.wait(command("a"), arrival, 1) is not None

    listening(test)


def test_an_inbox_that_answers_late_is_asked_again() -> None:
    asked: list[str] = []

    async def inbox(envelope: CommandEnvelope) -> Outcome | None:
        asked.append(envelope.id)
        if len(asked) == 1:
            raise OperationalError("select", {}, Exception("away"))
        return outcome(envelope.id) if len(asked) == 3 else None

    async def test(listener: OutcomeWaiter) -> None:
        with listener.expecting(command("a")) as arrival:
            found = await listener.wait(command("a"), arrival, 5)
        assert found is not None
        assert asked == ["a"] * 3

    listening(test, inbox)


def test_who_used_an_id_that_the_inbox_has_for_another_command_is_told_so() -> None:
    async def inbox(envelope: CommandEnvelope) -> Outcome | None:
        return HandledCommand(command("a", x=1).fingerprint, outcome("a")).outcome_for(envelope)

    async def test(listener: OutcomeWaiter) -> None:
        with listener.expecting(command("a", x=2)) as arrival, pytest.raises(CommandIdReused):
            await listener.wait(command("a", x=2), arrival, 5)
        with listener.expecting(command("a", x=1)) as arrival:
            assert await listener.wait(command("a", x=1), arrival, 5) == outcome("a")

    listening(test, inbox)


def test_a_slow_inbox_does_not_prolong_the_wait() -> None:
    async def inbox(_: CommandEnvelope) -> Outcome | None:
        await asyncio.sleep(30)
        return None

    async def test(listener: OutcomeWaiter) -> None:
        started_at = time.monotonic()
        with listener.expecting(command("a")) as arrival:
            assert await listener.wait(command("a"), arrival, 0.1) is None
        assert time.monotonic() - started_at < 5

    listening(test, inbox)


def test_a_caller_who_gives_up_is_forgotten() -> None:
    async def wait(listener: OutcomeWaiter) -> None:
        with listener.expecting(command("a")) as arrival:
            await listener.wait(command("a"), arrival, 60)

    async def test(listener: OutcomeWaiter) -> None:
        waiting = asyncio.create_task(wait(listener))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    listening(test)


def test_nobody_waits_for_a_process_that_ends() -> None:
    async def test(listener: OutcomeWaiter) -> None:
        with listener.expecting(command("a")) as arrival:
            waiting = asyncio.create_task(listener.wait(command("a"), arrival, 60))
            await asyncio.sleep(0.01)
            listener.stop_waiting()
            listener.stop_waiting()
            assert await waiting is None
            assert await listener.wait(command("a"), arrival, 60) is None

    listening(test)


def test_a_redis_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    monkeypatch.setattr(client.outcomes, "RECONNECT_SECONDS", (0.001,))

    async def test(listener: OutcomeWaiter) -> None:
        async def refused() -> None:
            nonlocal attempts
            attempts += 1
            raise ConnectionError("away")

        monkeypatch.setattr(listener, "_listen", refused)
        monkeypatch.setattr(client.outcomes, "SUBSCRIBE_TIMEOUT_SECONDS", 0.1)
        async with listener.listening():
            pass
        assert attempts > 2

    listening(test)
