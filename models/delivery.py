"""A delivery: one event on its way to one target outside the broker, and when it is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from models.contract import Contract
from models.notifying import ChannelType

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Waits after the first attempt, the second, and so on (Standard Webhooks, "Deliverability and reliability"); after the
attempt that follows the last of them nothing is tried any more: that is after three days."""
MAX_ATTEMPTS = len(RETRY_SECONDS) + 1
MAX_RETRY_AFTER_SECONDS = 86_400
JITTER = 0.2
"""A wait is longer by up to this share, so that what failed together does not come back together."""


class DeliveryStatus(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"  # waits for its first attempt, or for the next
    DELIVERED = "delivered"  # the receiver has it
    FAILED = "failed"  # given up
    CANCELLED = "cancelled"  # nobody wants it any more: the channel was disabled, changed or removed


class Verdict(StrEnum):
    """What an attempt says about the next one."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GIVE_UP = "give_up"  # the same would come of it every time
    GONE = "gone"  # the receiver wants nothing any more: its channel is disabled
    UNWANTED = "unwanted"  # nothing was sent, since no channel asks for it any more


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt. `response_status` is HTTP's or SMTP's, `retry_after_seconds` what the receiver asks."""

    verdict: Verdict
    response_status: int | None = None
    error: str | None = None
    retry_after_seconds: float = 0.0

    def leads_to(self, attempts: int, now: datetime, chance: float) -> tuple[DeliveryStatus, datetime | None]:
        """Return the delivery's status after the attempt, its `attempts`-th, and when the next is due, if there is one.
        `chance`, from 0 to 1, spreads what is due at once."""
        match self.verdict:
            case Verdict.DELIVERED:
                return DeliveryStatus.DELIVERED, None
            case Verdict.UNWANTED:
                return DeliveryStatus.CANCELLED, None
            case Verdict.RETRY if attempts < MAX_ATTEMPTS:
                seconds = RETRY_SECONDS[attempts - 1] * (1 + JITTER * chance)
                asked = min(self.retry_after_seconds, MAX_RETRY_AFTER_SECONDS)
                return DeliveryStatus.PENDING, now + timedelta(seconds=max(seconds, asked))
            case _:
                return DeliveryStatus.FAILED, None


class DeliveryResource(Contract):
    """One event on its way to one receiver."""

    id: UUID
    group_id: UUID
    event_id: UUID = Field(description="the event's `id`, and the `webhook-id` with which it is sent")
    event: str = Field(description="the event's name")
    type: ChannelType
    target: str = Field(description="the webhook's address, or the mail address of one of the receivers")
    status: DeliveryStatus
    attempts: int
    response_status: int | None = Field(description="the last answer: a status of HTTP or of SMTP")
    error: str | None = Field(description="what was wrong with the last attempt, for people")
    duration_seconds: float | None = Field(description="of the last attempt")
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None = Field(
        description="none once it has ended; during an attempt: when another is made if nothing is heard of this one"
    )
    ended_at: datetime | None
