"""What waiting callers are told, on a real Redis."""

import json
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from models.commands import CommandEnvelope
from models.outcome import Outcome
from tasks import outcomes
from tasks.outcomes import tell_callers
from tests.commands import create, new_id

GROUP = {"name": "March", "description": None}


def told(redis_url: str, envelopes: list[CommandEnvelope], answers: list[Outcome]) -> list[list[dict[str, Any]]]:
    """The messages on the one channel that `envelopes` name."""
    (channel,) = {envelope.reply_to for envelope in envelopes}
    with Redis.from_url(redis_url) as redis, redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(channel)
        subscription.get_message(timeout=5)
        tell_callers(redis, envelopes, answers)
        messages = iter(lambda: subscription.get_message(timeout=0.5), None)
        return [json.loads(message["data"]) for message in messages]


def waiting(count: int) -> list[CommandEnvelope]:
    channel = f"ocr_invoice.outcomes.{uuid4()}"
    return [create(new_id()).model_copy(update={"reply_to": channel}) for _ in range(count)]


def succeeded(envelope: CommandEnvelope, group: dict[str, Any]) -> Outcome:
    return Outcome(command_id=envelope.id, status="succeeded", type=envelope.type, version=1, group=group)


def test_a_group_is_told_as_it_is_with_what_it_does_not_have(redis_url: str) -> None:
    envelopes = waiting(2)
    ((first, second),) = told(redis_url, envelopes, [succeeded(envelope, GROUP) for envelope in envelopes])
    assert [first["commandId"], second["commandId"]] == [envelope.id for envelope in envelopes]
    assert first["group"] == second["group"] == GROUP
    assert "error" not in first


def test_a_group_that_does_not_fit_is_left_out_and_the_next_one_is_told(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "MAX_TOLD_BYTES", 1000)
    large = {**GROUP, "name": "M" * 800}
    envelopes = waiting(3)
    answers = [succeeded(envelope, group) for envelope, group in zip(envelopes, [GROUP, large, GROUP], strict=True)]
    (message,) = told(redis_url, envelopes, answers)
    assert [outcome.get("group") for outcome in message] == [GROUP, None, GROUP]
    assert [outcome["status"] for outcome in message] == ["succeeded"] * 3
