"""Sending what is due: many at once, few to the same endpoint, and writing down what came of it."""

import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog
from sqlalchemy import Engine

from models.delivery import Attempt, DeliveryStatus, Verdict
from models.store.bulk import Row
from models.store.deliveries import CLAIM_COUNT, ENDPOINT_CLAIM_COUNT, Claim, claim, record
from models.store.engine import DatabaseUnavailable
from models.store.unit_of_work import ConcurrentWrite
from settings import Settings
from tasks.webhooks import disable_webhook
from workers.notifying.attempt import attempt, named
from workers.notifying.metrics import count_attempt

SENDERS_COUNT = 64
"""Attempts at once."""
ENDPOINT_SENDERS_COUNT = 8
"""Attempts at once at one host, or at the mail server."""
MAX_ERROR_LENGTH = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Made:
    """An attempt that was made and is still to be written down."""

    claim: Claim
    attempt: Attempt
    attempted_at: datetime
    duration_seconds: float

    def outcome(self, now: datetime) -> Row:
        attempts = self.claim.attempts - (self.attempt.verdict is Verdict.UNWANTED)
        status, next_attempt_at = self.attempt.leads_to(self.claim.attempts, now, random.random())  # noqa: S311
        if status is DeliveryStatus.FAILED:
            about = {"attempts": attempts, "response_status": self.attempt.response_status}
            log.warning("delivery_failed", **named(self.claim), **about)
        return {
            "status": status,
            "attempts": attempts,
            "next_attempt_at": next_attempt_at,
            "response_status": self.attempt.response_status,
            "error": _storable(self.attempt.error),
            "duration_seconds": round(self.duration_seconds, 3),
            "attempted_at": self.attempted_at,
            "ended_at": None if status is DeliveryStatus.PENDING else now,
        }


def _storable(error: str | None) -> str | None:
    """A mail server's text may hold what PostgreSQL or UTF-8 cannot, and have any length."""
    return error and error.replace("\0", "").encode(errors="replace").decode()[:MAX_ERROR_LENGTH]


class Dispatcher:
    """What one notifier has in its hands. Only the senders' own threads are beside the one that calls it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.news = Event()
        """Set when there may be something to do."""
        self._engine = engine
        self._settings = settings
        self._under_way: Counter[str] = Counter()
        self._made: SimpleQueue[_Made] = SimpleQueue()
        self._unwritten: list[_Made] = []
        """Kept through an outage of the database."""

    def work(self) -> bool:
        """Write down what was sent and start what is due; return whether there may be more of that.

        Raises DatabaseUnavailable or ConcurrentWrite; then the same again, later.
        """
        self._write_down()
        if self._under_way.total() > SENDERS_COUNT - CLAIM_COUNT:
            return False
        with self._engine.begin() as connection:
            claims = claim(connection, datetime.now(UTC), self._crowded())
        for each in claims:
            self._under_way[each.target.endpoint] += 1
            # A daemon: the end of the process does not wait for a receiver that hangs.
            Thread(target=self._send, args=[each], daemon=True).start()
        return bool(claims)

    def finish(self, timeout_seconds: float) -> None:
        """Write down what is still under way, as far as it comes to its end in time. The rest is sent again."""
        deadline = time.monotonic() + timeout_seconds
        with suppress(DatabaseUnavailable, ConcurrentWrite):
            while self._under_way and (left := deadline - time.monotonic()) > 0:
                self.news.wait(left)
                self.news.clear()
                self._write_down()

    def _crowded(self) -> list[str]:
        room = ENDPOINT_SENDERS_COUNT - ENDPOINT_CLAIM_COUNT
        return [endpoint for endpoint, count in self._under_way.items() if count > room]

    def _send(self, claimed: Claim) -> None:
        attempted_at, begun = datetime.now(UTC), time.monotonic()
        made = attempt(claimed, self._settings)
        self._made.put(_Made(claimed, made, attempted_at, time.monotonic() - begun))
        self.news.set()

    def _write_down(self) -> None:
        with suppress(Empty):
            while made := self._made.get_nowait():
                self._unwritten.append(made)
                self._under_way -= Counter([made.claim.target.endpoint])  # keeps no zeros
        if not self._unwritten:
            return
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            outcomes = [(made.claim, made.outcome(now)) for made in self._unwritten]
            record(connection, outcomes)
        for made, (_, outcome) in zip(self._unwritten, outcomes, strict=True):
            count_attempt(made.claim.target.type, made.attempt.verdict, outcome["status"], made.duration_seconds)
            if made.attempt.verdict is Verdict.GONE and not made.claim.is_deleted:
                disable_webhook(self._engine, made.claim.group_id, made.claim.target.address)
        self._unwritten.clear()
