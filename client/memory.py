"""What a subscriber remembers of the events that it has handled, so that an event that comes again has no effect."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

Event = dict[str, Any]
"""A CloudEvents document, as docs/contracts/ describes it."""
Handler = Callable[[Event], None]

FORGET_AFTER_DAYS = 90
MAX_IDS_COUNT = 10_000
BUSY_TIMEOUT_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS handled_groups (
    group_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, handled_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS handled_events (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
"""
_REMEMBER_SEQUENCE = """
INSERT INTO handled_groups (group_id, sequence) VALUES (?, ?)
ON CONFLICT (group_id) DO UPDATE SET sequence = excluded.sequence, handled_at = CURRENT_TIMESTAMP
WHERE excluded.sequence > handled_groups.sequence
"""


class Memory(Protocol):
    """A store of the subscriber's own may be a memory too."""

    def handle(self, event: Event, handler: Handler) -> bool:
        """Unless `event` was handled before, give it to `handler` and remember it, best in the one transaction in which
        the handler writes. Return whether it was new. What the handler raises is raised, and nothing remembered."""


class NoMemory:
    """Every event is new: for handlers to whom a repetition does no harm."""

    def handle(self, event: Event, handler: Handler) -> bool:
        handler(event)
        return True


class SqliteMemory:
    """A memory in an SQLite file, which belongs to one subscriber.

    The handler writes through `connection`, in the transaction that remembers the event, and neither commits nor rolls
    back: what it writes is there exactly once. Events of a group come in order, so that the last `sequence` says which
    were handled. An event without one, `command.rejected`, is known by its id; the last 10,000 of those are.
    """

    def __init__(self, path: str | Path) -> None:
        self._lock = Lock()
        self.connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self.connection.execute("PRAGMA journal_mode = WAL")
        # What was acknowledged to the broker must outlive a loss of power.
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.executescript(_SCHEMA)
        forgotten = f"-{FORGET_AFTER_DAYS} days"
        self.connection.execute("DELETE FROM handled_groups WHERE handled_at < datetime('now', ?)", [forgotten])

    def handle(self, event: Event, handler: Handler) -> bool:
        with self._lock:
            # IMMEDIATE: a reader that becomes a writer could find that another has written in between, and fail.
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                if is_new := self._remember(event):
                    handler(event)
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
        return is_new

    def close(self) -> None:
        """Close the file, once nothing is handled any more."""
        with self._lock:
            self.connection.close()

    def _remember(self, event: Event) -> bool:
        group_id, sequence = event.get("subject"), event.get("sequence")
        if group_id is not None and sequence is not None:
            return self.connection.execute(_REMEMBER_SEQUENCE, [group_id, sequence]).rowcount == 1
        is_new = self.connection.execute("INSERT OR IGNORE INTO handled_events (id) VALUES (?)", [event["id"]])
        oldest = "DELETE FROM handled_events WHERE number <= (SELECT max(number) FROM handled_events) - ?"
        self.connection.execute(oldest, [MAX_IDS_COUNT])
        return is_new.rowcount == 1
