"""One transaction of the service: what it loads and locks, and what it writes back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import TypeVar
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import ARRAY, Connection, any_, bindparam, select
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from models.commands import CommandEnvelope, derived_group_id
from models.event import DomainEvent, GroupEvent
from models.events import JobGroupJobsAdded
from models.job import Job
from models.job_events import JobEvent
from models.job_group import JobGroup
from models.loaded import Loaded, Needs
from models.outcome import HandledCommand, Outcome
from models.store.bulk import Row, write_rows
from models.store.deliveries import ANNOUNCE_BOTH, delivery_rows
from models.store.group_rows import group_of, row_of
from models.store.job_reader import JobReader
from models.store.job_rows import changed_row, job_row
from models.store.outbox import ANNOUNCEMENT
from models.store.tables import commands, deliveries, events, job_groups, jobs

# Each takes one array, so that it is the same statement, built and prepared once, for any number of values.
_HANDLED = select(commands.c.id, commands.c.fingerprint, commands.c.outcome).where(
    commands.c.id == any_(bindparam("ids", type_=ARRAY(commands.c.id.type)))
)
_LOCKED = (
    select(job_groups)
    .where(job_groups.c.id == any_(bindparam("ids", type_=ARRAY(job_groups.c.id.type))))
    .order_by(job_groups.c.id)
    .with_for_update(key_share=True)
)

Key = TypeVar("Key")
JobKey = tuple[UUID, UUID]
"""The ids of a group and of one of its jobs."""


class ConcurrentWrite(Exception):  # noqa: N818 - a race, not a fault
    """A group that this transaction would make is there, or a command that it carried out has its outcome: another was
    faster, or this one did not look. Look, and try it again."""


@dataclass(slots=True)
class UnitOfWork:
    """What one transaction works on. Nothing is written before :meth:`save`, and everything by it."""

    connection: Connection
    now: datetime
    handled: dict[str, HandledCommand] = field(default_factory=dict)
    loaded: defaultdict[UUID, Loaded] = field(default_factory=lambda: defaultdict(Loaded))
    last_command: dict[UUID, CommandEnvelope] = field(default_factory=dict)
    """The last command carried out on each group: what follows from the group's state is said to be caused by it."""
    repeats_count: int = 0
    """Commands that had their outcome before this transaction came to them."""
    _stored_groups: set[UUID] = field(default_factory=set)
    _stored_jobs: set[JobKey] = field(default_factory=set)
    _changed_groups: set[UUID] = field(default_factory=set)
    _changed_jobs: dict[JobKey, None] = field(default_factory=dict)
    _command_rows: list[Row] = field(default_factory=list)
    _event_rows: list[Row] = field(default_factory=list)
    _delivery_rows: list[Row] = field(default_factory=list)

    def load_handled(self, command_ids: Iterable[str]) -> None:
        """Read which of `command_ids` have an outcome already."""
        for id_, asked, outcome in self.connection.execute(_HANDLED, {"ids": list(command_ids)}):
            self.handled[id_] = HandledCommand(asked, Outcome.model_validate(outcome))

    def load(self, needs: Mapping[UUID, Needs]) -> None:
        """Load the groups in `needs` that exist, and what is needed of each. They are locked until the transaction
        ends, in the order of their ids, so that two transactions over the same groups wait for each other, never in a
        circle. A group's jobs are written under its lock alone."""
        if not needs:
            return
        for row in self.connection.execute(_LOCKED, {"ids": list(needs)}).mappings().all():
            self.loaded[row["id"]].group = group_of(row)
            self._stored_groups.add(row["id"])
        self._load_jobs(needs)

    def load_queue(self, group_id: UUID) -> None:
        """Load all queued jobs of the group."""
        self._take(JobReader(self.connection).queued(group_id))

    def load_due(self, room: Mapping[UUID, int]) -> None:
        """Load as many of each group's next due jobs as it has room for."""
        # As many more as are loaded: those may be among the next, and may have changed in memory.
        limits = {group_id: count + len(self.loaded[group_id].jobs) for group_id, count in room.items()}
        if limits:
            self._take(JobReader(self.connection).due(limits, self.now))

    def happen(self, event: GroupEvent, envelope: CommandEnvelope) -> JobGroup:
        """Let `event`, which `envelope` caused, happen to its group, and be told to whom it tells; return the group."""
        group = self.loaded[event.group_id].happen(event, self.now)
        self._changed_groups.add(group.id)
        if isinstance(event, JobEvent):
            self._changed_jobs[group.id, event.job_id] = None
        elif isinstance(event, JobGroupJobsAdded):
            self._changed_jobs.update(dict.fromkeys((group.id, job_id) for job_id in event.job_ids))
        row = self.append(event, envelope, group.sequence)
        if group.fields.notifications.channels:
            self._delivery_rows += delivery_rows(row, group.fields.notifications)
        return group

    def has_changed(self, group_id: UUID) -> bool:
        """Whether anything happened to the group in this transaction."""
        return group_id in self._changed_groups

    def append(self, event: DomainEvent, envelope: CommandEnvelope, sequence: int | None = None) -> Row:
        """Take `event`, which `envelope` caused, into the history and the outbox; return its row there."""
        data = event.model_dump(mode="json")
        row = {
            "group_id": data["groupId"] or derived_group_id(envelope.id),
            "id": uuid7(),
            "sequence": sequence,
            "name": event.routing_key,
            "data": data,
            "occurred_at": self.now,
            "actor": envelope.actor,
            "correlation_id": envelope.correlation_id or envelope.id,
            "causation_id": envelope.id,
            "traceparent": envelope.traceparent,
        }
        self._event_rows.append(row)
        return row

    def record(self, envelope: CommandEnvelope, outcome: Outcome) -> None:
        """Take the outcome of `envelope` into the inbox."""
        handled = self.handled[envelope.id] = HandledCommand(envelope.fingerprint, outcome)
        self._command_rows.append(
            {
                "id": envelope.id,
                "fingerprint": rf"\x{handled.fingerprint.hex()}",
                "group_id": outcome.group_id,
                "outcome": outcome.model_dump(mode="json", exclude_none=True),
                "handled_at": self.now,
            }
        )

    def save(self) -> None:
        """Write groups, jobs, events and inbox. Raises ConcurrentWrite where a group or a command is there already.

        New groups and commands go in by ascending id, for the same reason as in :meth:`load`; the tables follow each
        other as PostgreSQL likes, which is the same in each transaction.
        """
        known_groups, new_groups = self._group_rows()
        known_jobs, new_jobs = self._job_rows()
        new = {
            job_groups: new_groups,
            jobs: new_jobs,
            events: self._event_rows,
            deliveries: self._delivery_rows,
            commands: sorted(self._command_rows, key=itemgetter("id")),
        }
        changed = {job_groups: known_groups, jobs: known_jobs}
        try:
            write_rows(self.connection, new, changed, then=ANNOUNCE_BOTH if self._delivery_rows else ANNOUNCEMENT)
        except IntegrityError as error:
            if isinstance(error.orig, UniqueViolation):
                raise ConcurrentWrite from error
            raise

    def _group_rows(self) -> tuple[list[Row], list[Row]]:
        """The rows to overwrite, and those to insert."""
        rows = {id_: row_of(group) for id_ in sorted(self._changed_groups) if (group := self.loaded[id_].group)}
        return _partition(rows, self._stored_groups)

    def _job_rows(self) -> tuple[list[Row], list[Row]]:
        changed = {key: self.loaded[key[0]].jobs[key[1]] for key in self._changed_jobs}
        rows = {key: (changed_row if key in self._stored_jobs else job_row)(job) for key, job in changed.items()}
        return _partition(rows, self._stored_jobs)

    def _load_jobs(self, needs: Mapping[UUID, Needs]) -> None:
        reader = JobReader(self.connection)
        existing = {group_id: needed for group_id, needed in needs.items() if group_id in self._stored_groups}
        if named := [(group_id, id_) for group_id, needed in existing.items() for id_ in needed.job_ids]:
            self._take(reader.named(named))
        if retryable := [group_id for group_id, needed in existing.items() if needed.retryable]:
            self._take(reader.retryable(retryable))
        if overdue := [group_id for group_id, needed in existing.items() if needed.overdue]:
            self._take(reader.overdue(overdue, self.now))
        if documents := [(group_id, sha256) for group_id, needed in existing.items() for sha256 in needed.documents]:
            for group_id, sha256 in reader.known_documents(documents):
                self.loaded[group_id].documents.add(sha256)

    def _take(self, found: Iterable[Job]) -> None:
        """Keep what was loaded or made before: it may have changed in memory since."""
        for job in found:
            self.loaded[job.group_id].jobs.setdefault(job.id, job)
            self._stored_jobs.add((job.group_id, job.id))


def _partition(rows: Mapping[Key, Row], stored: Set[Key]) -> tuple[list[Row], list[Row]]:
    """Those that are stored already, and the new ones."""
    known = [row for key, row in rows.items() if key in stored]
    return known, [row for key, row in rows.items() if key not in stored]
