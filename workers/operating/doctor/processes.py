"""The processes that PostgreSQL knows, judged by what they did of late: one that stands still is connected too.

Relay, housekeeping and notifier ask the database something every second, whether there is work or not.
"""

import time
from datetime import UTC, datetime, timedelta

from models.store import vital_signs
from models.store.due import groups_due
from workers.operating.doctor.database import Database, reads_tables
from workers.operating.doctor.finding import Finding, fault, fine, warning

SILENCE_SECONDS = 15
"""Longer than a process takes for a statement, or for a batch that the broker confirms."""
MOVE_SECONDS = 3
"""How long the relay may take for its next batch before a backlog counts as standing still."""
LOOK_SECONDS = 0.2
OVERDUE_SECONDS = 60


def relay(database: Database) -> Finding:
    """Say whether a relay leads, and works."""
    lead = vital_signs.silence_of_the_lead(database.connection)
    if not lead:
        return fault("None leads: events are kept, and nobody publishes them.", _start("relay"))
    if not any(map(_works, lead)):
        return fault(
            f"The one that leads has asked the database nothing for {SILENCE_SECONDS} s and more: it stands still.",
            "End its process; that frees the lead for another.",
        )
    return fine("One leads, and works.")


@reads_tables
def outbox(database: Database) -> Finding:
    """Say whether the events that wait become others. They may be many, but not the same ones."""
    first = vital_signs.first_unpublished(database.connection)
    deadline = time.monotonic() + MOVE_SECONDS
    while first is not None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if vital_signs.first_unpublished(database.connection) != first:
            first = None
    if first is None:
        return fine("Events go out as they come.")
    return fault(
        f"{vital_signs.unpublished_count(database.connection)} events wait, and none went out in {MOVE_SECONDS} s.",
        "See the line `relay`. Where one leads, its log says what the broker refuses: often a subscriber's full queue.",
    )


@reads_tables
def housekeeping(database: Database) -> Finding:
    """Say whether what is due is done."""
    if not any(map(_works, vital_signs.silences_of(database.connection, vital_signs.HOUSEKEEPING))):
        return fault(
            f"None has asked the database anything for {SILENCE_SECONDS} s: retries, leases and expiry wait.",
            _start("housekeeping"),
        )
    overdue = groups_due(database.connection, datetime.now(UTC) - timedelta(seconds=OVERDUE_SECONDS), 1)
    if overdue:
        return warning(
            f"It works, and yet something of group {overdue[0]} has been due for more than {OVERDUE_SECONDS} s.",
            "Its log says what keeps it.",
        )
    return fine("It works, and nothing is overdue.")


@reads_tables
def notifier(database: Database) -> Finding:
    """Say whether webhooks and people are told. Where no group names any, nobody needs a notifier."""
    silences = vital_signs.silences_of(database.connection, vital_signs.NOTIFIER)
    before = datetime.now(UTC) - timedelta(seconds=OVERDUE_SECONDS)
    count = vital_signs.overdue_deliveries_count(database.connection, before)
    if any(map(_works, silences)):
        return _busy(count) if count else fine("One works, and nothing is overdue.")
    if count or silences:
        return fault(
            f"None has asked the database anything for {SILENCE_SECONDS} s; {count} deliveries are overdue.",
            _start("notifier"),
        )
    return fine("None runs, and nothing is to be delivered.")


def _busy(count: int) -> Finding:
    return warning(
        f"One works, and yet {count} deliveries have been due for more than {OVERDUE_SECONDS} s.",
        "Start another, or see in the log of deliveries which receiver hangs.",
    )


def _works(silence: timedelta | None) -> bool:
    """What this role may not know counts as work."""
    return silence is None or silence.total_seconds() <= SILENCE_SECONDS


def _start(process: str) -> str:
    return f"Start one: `jobgroups {process}`. Where one should run, its log says why it ended."
