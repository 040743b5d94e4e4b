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
    by_command = {outcome.command_id: outcome.model_dump_json(exclude_none=True) for outcome in outcomes}
    channels = defaultdict(list)
    for envelope in envelopes:
        if envelope.reply_to and envelope.id in by_command:
            channels[envelope.reply_to].append(by_command[envelope.id])
    try:
        for channel, written in channels.items():
            redis.publish(channel, f"[{','.join(written)}]")
    except RedisError as error:
        log.warning("outcomes_not_told", channels=len(channels), error=repr(error))
