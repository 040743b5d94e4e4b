"""A message of the command queue as a dead letter."""

from kombu.message import Message

from models import names
from models.dead_letter import DeadLetter, DeadLetterReason


def letter_of(message: Message, reason: DeadLetterReason, detail: str) -> DeadLetter:
    """Return `message` as it came from the broker; `detail` must not quote it."""
    headers = message.headers if isinstance(message.headers, dict) else {}
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode(errors="replace")
    described = {**headers, "content_type": message.content_type, "content_encoding": message.content_encoding}
    return DeadLetter(reason, detail, names.COMMAND_QUEUE, body, described)
