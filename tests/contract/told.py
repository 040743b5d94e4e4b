"""What senders are told of their commands, and how a stranger sends them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import orjson
from kombu import Connection, Producer
from redis import Redis

from models import names
from models.commands import CommandEnvelope
from tests.commands import PATIENCE_SECONDS, eventually
from tests.contract.http_api import GROUPS


@dataclass(frozen=True)
class Told:
    """What a sender learns: `code` is None where the command succeeded, else the error's."""

    command_id: str
    group_id: str
    code: str | None = None
    version: int | None = None

    @classmethod
    def by(cls, outcome: dict[str, Any]) -> "Told":
        error = outcome.get("error") or {}
        return cls(outcome["commandId"], outcome["groupId"], error.get("code"), outcome.get("version"))


class Replies:
    """The outcomes announced on a channel of the test's own."""

    def __init__(self, redis: Redis) -> None:
        self.channel = f"{names.OUTCOME_CHANNEL_PREFIX}{uuid4().hex}"
        self._subscription = redis.pubsub(ignore_subscribe_messages=True)
        self._subscription.subscribe(self.channel)
        self._subscription.get_message(timeout=PATIENCE_SECONDS)

    def next_message(self) -> list[dict[str, Any]]:
        """Return the outcomes in the next message."""
        message: Any = eventually(lambda: self._subscription.get_message(timeout=0.5))
        outcomes: list[dict[str, Any]] = orjson.loads(message["data"])
        return outcomes

    def of(self, commands: Sequence[CommandEnvelope]) -> list[dict[str, Any]]:
        """Return the outcomes of `commands`, in their order, from as many messages as they come in."""
        outcomes: dict[str, dict[str, Any]] = {}
        while len(outcomes) < len(commands):
            outcomes |= {outcome["commandId"]: outcome for outcome in self.next_message()}
        return [outcomes[command.id] for command in commands]

    def nothing_more(self) -> bool:
        return self._subscription.get_message(timeout=0.3) is None

    def close(self) -> None:
        self._subscription.close()


def publish_document(broker_url: str, body: bytes) -> None:
    """Hand a document to the intake as a stranger would: no Celery, whatever content type."""
    if broker_url.startswith("redis"):
        with Redis.from_url(broker_url) as redis:
            redis.xadd("ocr_invoice.intake", {"command": body})
        return
    with Connection(broker_url) as connection:
        producer = Producer(connection.channel())
        producer.publish(
            body, routing_key="ocr_invoice.intake", content_type="text/x-whatever", content_encoding="binary"
        )


def shown(api: httpx.Client, group_id: str) -> dict[str, Any]:
    response = api.get(f"{GROUPS}/{group_id}")
    assert response.status_code == 200, response.text
    group: dict[str, Any] = response.json()["data"]
    return group


def outcome_of(api: httpx.Client, command_id: str) -> dict[str, Any]:
    response = api.get(f"/commands/{command_id}")
    assert response.status_code == 200, response.text
    outcome: dict[str, Any] = response.json()["data"]
    return outcome
