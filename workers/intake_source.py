"""What the intake needs of a place that documents come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from models.dead_letter import DeadLetter

BATCH_COUNT = 500
WAIT_SECONDS = 1.0
"""Well below half a heartbeat: each one that arrives begins the wait anew."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message: its bytes, and what its source needs to acknowledge it."""

    body: bytes
    receipt: Any
    dead: DeadLetter | None = None
    """Set where the message is no document but one that the broker gave up."""


class Source(Protocol):
    """A queue or a stream of documents."""

    def receive(self) -> Sequence[Received]:
        """Return what is there, at most BATCH_COUNT, or nothing after WAIT_SECONDS."""

    def acknowledge(self, messages: Sequence[Received]) -> None:
        """Take `messages` off the source for good."""

    def close(self) -> None:
        """Let go of the connection."""
