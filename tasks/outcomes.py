"""Telling waiting callers what became of their commands."""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from redis import Redis, RedisError

from models.commands import CommandEnvelope
from models.outcome import Outcome

log = structlog.get_logger()


def tell_callers(redis: Redis, envelopes: Sequence[CommandEnvelope], outcomes: Sequence[Outcome]) -> None:
    """Publish each outcome on its envelope's channel: one message, a JSON array, per channel.

    A message that cannot be sent is only logged. The outcome is in the inbox, where a caller looks that waits in vain.
    """
    channels = defaultdict(list)
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        if envelope.reply_to:
            channels[envelope.reply_to].append(outcome.model_dump_json(exclude_none=True))
    try:
        for channel, written in channels.items():
            redis.publish(channel, f"[{','.join(written)}]")
    except RedisError as error:
        log.warning("outcomes_not_told", channels=len(channels), error=repr(error))
