"""What the service would refuse, found before it is sent."""

from models.command import Command
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope, parse_command
from models.errors import PayloadTooLarge


def check(envelope: CommandEnvelope) -> Command:
    """Return the command in `envelope`; raises a Refusal that names each wrong field."""
    if len(envelope.canonical) > MAX_COMMAND_BYTES:
        raise PayloadTooLarge(f"it would be a command of more than {MAX_COMMAND_BYTES} bytes")
    return parse_command(envelope)
