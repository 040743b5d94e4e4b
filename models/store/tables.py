"""The tables. Each index names the query that it serves.

Every table that grows, the inbox aside, has the group in its key, so that the database can be sharded by group; for the
same reason no unique index of theirs leaves the group out.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Double,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from models.fields import Priority
from models.lifecycle import Counts, JobStatus
from models.store.delivery_table import deliveries as deliveries
from models.store.metadata import INSTANT
from models.store.metadata import metadata as metadata

# A database enum, so that sorting and comparing follow urgency and not the alphabet.
PRIORITY = Enum(Priority, name="priority", values_callable=lambda priorities: [p.value for p in priorities])

job_groups = Table(
    "job_groups",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("batch_number", Text),
    Column("template", Text, nullable=False),
    Column("priority", PRIORITY, nullable=False),
    Column("processing_settings", JSONB, nullable=False),
    Column("notifications", JSONB, nullable=False),
    Column("created_by", Text),
    Column("assigned_to", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("search", TSVECTOR, nullable=False),
    Column("intent", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_reason", Text),
    Column("sealed", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    *(Column(f"{bucket}_count", Integer, nullable=False) for bucket in Counts.__slots__),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("started_at", INSTANT),
    Column("paused_at", INSTANT),
    Column("finished_at", INSTANT),
    Column("expires_at", INSTANT),
    Column("deleted_at", INSTANT),
)

_living = job_groups.c.deleted_at.is_(None)
# The list, newest first.
Index("ix_job_groups_created", job_groups.c.created_at, job_groups.c.id, postgresql_where=_living)
# The list in each other order; filtered by one value of the column, newest first; and retention: groups that ended.
for _sorted in (
    "updated_at",
    "started_at",
    "finished_at",
    "expires_at",
    "name",
    "batch_number",
    "template",
    "priority",
    "status",
    "created_by",
    "assigned_to",
    "version",
    "generation",
):
    Index(
        f"ix_job_groups_by_{_sorted}",
        job_groups.c[_sorted],
        job_groups.c.created_at,
        job_groups.c.id,
        postgresql_where=_living,
    )
# `search=`, `{"tags": {"$contains": …}}` and `{"metadata.KEY": …}` in the list.
Index("ix_job_groups_search", job_groups.c.search, postgresql_using="gin", postgresql_where=_living)
Index("ix_job_groups_tags", job_groups.c.tags, postgresql_using="gin", postgresql_where=_living)
Index(
    "ix_job_groups_metadata",
    job_groups.c.metadata,
    postgresql_using="gin",
    postgresql_ops={"metadata": "jsonb_path_ops"},
    postgresql_where=_living,
)

# Retention: groups whose jobs can go.
Index("ix_job_groups_deleted", job_groups.c.deleted_at, postgresql_where=job_groups.c.deleted_at.is_not(None))
# What is due: groups that run out of time.
Index("ix_job_groups_expires", job_groups.c.expires_at, postgresql_where=_living & job_groups.c.finished_at.is_(None))

jobs = Table(
    "jobs",
    metadata,
    Column("group_id", Uuid, ForeignKey(job_groups.c.id), primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),  # in the order they were added, from 1: the order of dispatch
    Column("external_id", Text),
    Column("document", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("next_attempt_at", INSTANT),
    Column("lease_expires_at", INSTANT),
    Column("confidence", Double),
    Column("result", JSONB),
    Column("error", JSONB),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("dispatched_at", INSTANT),
    Column("finished_at", INSTANT),
)
# A group's jobs, newest first, and in the order they were added.
Index("ix_jobs_created", jobs.c.group_id, jobs.c.created_at, jobs.c.id)
Index("ix_jobs_number", jobs.c.group_id, jobs.c.number, jobs.c.id)

# The group's next jobs to dispatch, or all of its queued ones to end with it.
Index("ix_jobs_queued", jobs.c.group_id, jobs.c.number, postgresql_where=jobs.c.status == "queued")
# Is this document in the group already?
Index("ix_jobs_document", jobs.c.group_id, jobs.c.document["sha256"].astext)
# What is due: lapsed leases, retries after their backoff.
Index("ix_jobs_lease", jobs.c.lease_expires_at, postgresql_where=jobs.c.status == "processing")
Index(
    "ix_jobs_next_attempt",
    jobs.c.next_attempt_at,
    postgresql_where=(jobs.c.status == "queued") & jobs.c.next_attempt_at.is_not(None),
)

# Spelled out in statements, not bound: a plan that is kept for any value of a parameter could not use a partial index.
QUEUED = jobs.c.status == literal(JobStatus.QUEUED.value, literal_execute=True)
PROCESSING = jobs.c.status == literal(JobStatus.PROCESSING.value, literal_execute=True)

commands = Table(
    "commands",  # the inbox: every command that reached its outcome
    metadata,
    Column("id", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("group_id", Uuid),
    Column("outcome", JSONB, nullable=False),
    Column("handled_at", INSTANT, nullable=False),
)
# Retention deletes the oldest.
Index("ix_commands_handled", commands.c.handled_at)

events = Table(
    "events",  # outbox and history in one
    metadata,
    Column("group_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    # Given by the database while the group is locked: within a group it rises with `sequence`, whatever the clocks say.
    Column("ordinal", BigInteger, Identity(always=True), nullable=False),
    Column("sequence", Integer),  # per group, gapless from 1; none for command.rejected, which changes no group
    Column("position", BigInteger),  # over all groups, gapless, given when the broker has confirmed; none: unpublished
    Column("name", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    Column("actor", Text),
    Column("correlation_id", Text),
    Column("causation_id", Text),
    Column("traceparent", Text),
    UniqueConstraint("group_id", "sequence"),
)
# The relay's next batch. Small: it holds what is not yet published.
Index("ix_events_unpublished", events.c.ordinal, postgresql_where=events.c.position.is_(None))
# The feed and the last position given. Were unpublished events in it, a backlog that is new to the planner would be
# looked for here, and all of it be sorted for each batch.
Index("ix_events_position", events.c.position, postgresql_where=events.c.position.is_not(None))
# The history of a group.
Index("ix_events_history", events.c.group_id, events.c.position, postgresql_where=events.c.position.is_not(None))

attempts = Table(
    "attempts",  # at commands whose message came back: one that keeps killing its worker has to end
    metadata,
    Column("command_id", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("attempted_at", INSTANT, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("group_id", Uuid, primary_key=True),  # the letter's own id where it names no group
    Column("id", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("command_id", Text),
    Column("command_type", Text),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("died_at", INSTANT, nullable=False),
    Column("replayed_at", INSTANT),
)
# One letter, and the list, newest first: a letter's id, a UUIDv7, rises with time.
Index("ix_dead_letters_id", dead_letters.c.id)
# The list of one reason.
Index("ix_dead_letters_reason", dead_letters.c.reason, dead_letters.c.id)
# Retention: those replayed long ago.
Index("ix_dead_letters_replayed", dead_letters.c.replayed_at, postgresql_where=dead_letters.c.replayed_at.is_not(None))

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),  # the beginning of the digest: what `actor` says in events
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("per_minute", Integer),
    Column("created_at", INSTANT, nullable=False),
    Column("revoked_at", INSTANT),
)
# The live key of a name: one, so that it can be revoked by it, and a successor may take the name over.
Index("ix_api_keys_live", api_keys.c.name, unique=True, postgresql_where=api_keys.c.revoked_at.is_(None))
