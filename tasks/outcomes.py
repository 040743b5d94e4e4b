"""Telling waiting callers what became of their commands."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import structlog
from redis import Redis, RedisError

from models.commands import CommandEnvelope
from models.outcome import Outcome

log = structlog.get_logger()

MAX_TOLD_BYTES = 1024 * 1024
"""In one message with groups in it. What does not fit goes without: its caller reads the group."""


def tell_callers(redis: Redis, envelopes: Sequence[CommandEnvelope], outcomes: Sequence[Outcome]) -> None:
    """Publish each outcome on its envelope's channel: one message, a JSON array, per channel.

    A message that cannot be sent is only logged. The outcome is in the inbox, where a caller looks that waits in vain.
    """
    channels = defaultdict(list)
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        if envelope.reply_to:
            channels[envelope.reply_to].append(outcome)
    try:
        for channel, told in channels.items():
            redis.publish(channel, f"[{','.join(_written(told))}]")
    except RedisError as error:
        log.warning("outcomes_not_told", channels=len(channels), error=repr(error))


def _written(told: Iterable[Outcome]) -> Iterator[str]:
    room_bytes = MAX_TOLD_BYTES
    for outcome in told:
        written = outcome.model_dump_json(exclude_none=True)
        if len(written) > room_bytes:
            written = outcome.model_dump_json(exclude_none=True, exclude={"group"})
        room_bytes -= len(written)
        yield written
