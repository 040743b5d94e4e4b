"""The table of deliveries: of events, to webhooks and by mail."""

from sqlalchemy import Column, Double, Index, Integer, Table, Text, Uuid, literal

from models.delivery import DeliveryStatus
from models.store.metadata import INSTANT, metadata

deliveries = Table(
    "deliveries",
    metadata,
    Column("group_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),  # a UUIDv7, which rises with time
    Column("event_id", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("target", Text, nullable=False),  # a web address, or one mail address
    Column("endpoint", Text, nullable=False),  # the host that may hang
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", INSTANT),  # during an attempt: the end of its lease
    Column("response_status", Integer),
    Column("error", Text),
    Column("duration_seconds", Double),
    Column("created_at", INSTANT, nullable=False),
    Column("attempted_at", INSTANT),
    Column("ended_at", INSTANT),
)
_pending = deliveries.c.status == "pending"
# What is due, endpoint by endpoint.
Index("ix_deliveries_due", deliveries.c.endpoint, deliveries.c.next_attempt_at, postgresql_where=_pending)
# Retention of events: those that are still to be delivered stay.
Index("ix_deliveries_waiting", deliveries.c.group_id, deliveries.c.event_id, postgresql_where=_pending)
# A group's deliveries of one status, newest first.
Index("ix_deliveries_status", deliveries.c.group_id, deliveries.c.status, deliveries.c.id)
# Retention: those that ended.
Index("ix_deliveries_ended", deliveries.c.ended_at, postgresql_where=deliveries.c.ended_at.is_not(None))

# Spelled out in statements, not bound: a plan that is kept for any value of a parameter could not use a partial index.
PENDING = deliveries.c.status == literal(DeliveryStatus.PENDING.value, literal_execute=True)
