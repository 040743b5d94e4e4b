"""How a fault meets a load: while it is under way, and next to sessions of somebody else's."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from tests.faults.conftest import COMMAND_COUNT
from tests.faults.stage import Stage

MESSAGE_COMMAND_COUNT = 19
"""How many commands a message carries on average: see plan.CHANNELS."""


def lasting(seconds: float) -> float:
    """Return the pause between messages with which the load lasts for so long."""
    return seconds * MESSAGE_COMMAND_COUNT / COMMAND_COUNT


def under_load(s: Stage, share: float = 0.1) -> None:
    """Start the load and return while it is under way."""
    s.load.start()
    s.wait_for_outcomes(share)
    assert s.load.ended_at is None, "the load is over before the fault begins"


@contextmanager
def rogue(database_url: str) -> Iterator[Connection]:
    """Give somebody else's transaction, rolled back at the end."""
    with create_engine(database_url, poolclass=NullPool).connect() as session:
        yield session
