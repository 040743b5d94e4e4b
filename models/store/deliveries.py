"""What the notifier reads and writes: deliveries that are due, taken on a lease, and what came of each attempt."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Connection,
    RowMapping,
    Select,
    Text,
    Update,
    all_,
    and_,
    bindparam,
    func,
    literal,
    select,
    text,
    true,
    update,
)
from uuid_utils.compat import uuid7

from models.delivery import DeliveryStatus
from models.fields import Notifications
from models.notifying import Target, targets
from models.store.bulk import Row
from models.store.delivery_table import PENDING, deliveries
from models.store.outbox import ANNOUNCEMENT, ENVELOPE, cloud_event_of
from models.store.tables import events, job_groups

CLAIM_COUNT = 16
"""Deliveries taken at once."""
ENDPOINT_CLAIM_COUNT = 4
"""How many of those may be for one endpoint."""
LEASE_SECONDS = 60
"""After which a delivery whose notifier is not heard of is taken by another: longer than an attempt, the system's
resolver included, which no deadline of ours cuts short."""

OUTCOME = (
    *("status", "attempts", "next_attempt_at", "response_status", "error"),
    *("duration_seconds", "attempted_at", "ended_at"),
)
_CHANNEL = "ocr_invoice_deliveries"
ANNOUNCE = select(func.pg_notify(_CHANNEL, ""))
"""Wakes the notifiers when the transaction commits."""
ANNOUNCE_BOTH = ANNOUNCEMENT.add_columns(*ANNOUNCE.selected_columns)
"""Wakes the relay as well."""
_CROWDED: Any = bindparam("crowded", type_=ARRAY(Text))
_d = deliveries.c


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is this notifier's until `leased_until`, and what is known of its event and its group."""

    group_id: UUID
    id: UUID
    event_id: UUID
    event_name: str
    target: Target
    attempts: int
    """This one included."""
    leased_until: datetime
    event: dict[str, Any] | None
    """As it was published; None where it is no longer kept."""
    notifications: dict[str, Any]
    group_name: str
    batch_number: str | None
    is_deleted: bool


def delivery_rows(event: Row, notifications: Notifications) -> Iterator[Row]:
    """Give the rows of the deliveries that `event`, itself a row, leads to."""
    for target in targets(notifications, event["name"]):
        yield {
            "group_id": event["group_id"],
            "id": uuid7(),
            "event_id": event["id"],
            "event": event["name"],
            "type": target.type,
            "target": target.address,
            "endpoint": target.endpoint,
            "status": DeliveryStatus.PENDING,
            "attempts": 0,
            "next_attempt_at": event["occurred_at"],
            "created_at": event["occurred_at"],
        }


def listen_for_deliveries(connection: Connection) -> None:
    """Let `connection` hear announcements."""
    connection.execute(text(f"LISTEN {_CHANNEL}"))


def claim(connection: Connection, now: datetime, crowded: Collection[str]) -> list[Claim]:
    """Take up to CLAIM_COUNT deliveries that are due at `now`, of endpoints other than the `crowded`.

    The endpoints have their turn at random, a few deliveries each: one that hangs, or has a long queue, keeps none of
    the others from theirs. What it costs follows the number of endpoints with something pending, not that of what is
    pending.
    """
    leased_until = now + timedelta(seconds=LEASE_SECONDS)
    parameters = {"now": now, "crowded": list(crowded), "leased_until": leased_until}
    return [_claim_of(row) for row in connection.execute(_CLAIM, parameters).mappings()]


def record(connection: Connection, outcomes: Sequence[tuple[Claim, Row]]) -> None:
    """Write what came of attempts: for each its claim, and a value for each column of OUTCOME.

    A delivery whose lease another has taken over, or that was asked for anew meanwhile, is left to that.
    """
    rows = [
        {**row, "of_group": claimed.group_id, "of_id": claimed.id, "leased_until": claimed.leased_until}
        for claimed, row in outcomes
    ]
    if rows:
        connection.execute(_RECORD, rows)


def _claiming() -> Update:
    chosen = _due_in_turn().cte("chosen")
    known = (
        select(
            *(chosen.c.group_id, chosen.c.id),
            *(job_groups.c.name.label("group_name"), job_groups.c.batch_number, job_groups.c.notifications),
            job_groups.c.deleted_at,
            *(events.c[name].label(f"published_{name}") for name in ENVELOPE),
        )
        .select_from(chosen)
        .join(job_groups, job_groups.c.id == chosen.c.group_id)
        .outerjoin(events, and_(events.c.group_id == chosen.c.group_id, events.c.id == chosen.c.event_id))
        .subquery("known")
    )
    return (
        update(deliveries)
        .where(_d.group_id == known.c.group_id, _d.id == known.c.id)
        .values(attempts=_d.attempts + 1, next_attempt_at=bindparam("leased_until"))
        .returning(*_d, *(column for column in known.c if column.name not in _d))
    )


def _due_in_turn() -> Select[Any]:
    """The endpoints are found one after the other in the index, by the least that is greater than the last."""
    endpoints = select(func.min(_d.endpoint).label("endpoint")).where(PENDING).cte("endpoints", recursive=True)
    following = select(func.min(_d.endpoint)).where(PENDING, _d.endpoint > endpoints.c.endpoint).scalar_subquery()
    endpoints = endpoints.union_all(select(following).where(endpoints.c.endpoint.is_not(None)))
    free = select(endpoints.c.endpoint).where(endpoints.c.endpoint != all_(_CROWDED))
    turn = free.order_by(func.random()).subquery("turn")
    due = (
        select(_d.group_id, _d.id, _d.event_id)
        .where(PENDING, _d.endpoint == turn.c.endpoint, _d.next_attempt_at <= bindparam("now"))
        .order_by(_d.next_attempt_at)
        .limit(literal(ENDPOINT_CLAIM_COUNT, literal_execute=True))
        .with_for_update(skip_locked=True)
        .lateral("due")
    )
    return select(*due.c).select_from(turn.join(due, true())).limit(literal(CLAIM_COUNT, literal_execute=True))


def _claim_of(row: RowMapping) -> Claim:
    published = {name: row[f"published_{name}"] for name in ENVELOPE}
    return Claim(
        group_id=row["group_id"],
        id=row["id"],
        event_id=row["event_id"],
        event_name=row["event"],
        target=Target(row["type"], row["target"]),
        attempts=row["attempts"],
        leased_until=row["next_attempt_at"],
        event=cloud_event_of(published) if published["id"] else None,
        notifications=row["notifications"],
        group_name=row["group_name"],
        batch_number=row["batch_number"],
        is_deleted=row["deleted_at"] is not None,
    )


_CLAIM = _claiming()
_RECORD = (
    update(deliveries)
    .where(_d.group_id == bindparam("of_group"), _d.id == bindparam("of_id"))
    .where(_d.next_attempt_at == bindparam("leased_until"))  # none once it has ended
    .values({name: bindparam(name) for name in OUTCOME})
)
