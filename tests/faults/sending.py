"""A scenario's own commands, beside its load."""

from collections.abc import Sequence

from models.commands import CommandEnvelope
from tests.faults.load import Load
from tests.faults.plan import Channel, Chunk
from tests.faults.stage import Stage


def send(s: Stage, commands: Sequence[CommandEnvelope], channel: Channel = "batch") -> None:
    """Send until the broker has confirmed: a batch in one message or two, as its producer finds them waiting."""
    sending = Load(s.broker_url, [Chunk(channel, list(commands))])
    sending.start()
    sending.wait()
    s.accepted_elsewhere |= sending.accepted.keys()
