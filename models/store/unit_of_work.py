"""One transaction of the service: what it loads and locks, and what it writes back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import ARRAY, Connection, any_, literal, select
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from models.commands import CommandEnvelope, derived_group_id, fingerprint
from models.events import DomainEvent, JobGroupEvent
from models.job_group import JobGroup, evolve
from models.outcome import HandledCommand, Outcome
from models.store.bulk import Row, insert_rows, update_rows
from models.store.outbox import announce
from models.store.rows import group_of, row_of
from models.store.tables import commands, events, job_groups


class ConcurrentWrite(Exception):  # noqa: N818 - a race, not a fault
    """Another transaction made the same group, or handled the same command, since this one looked. Try it again."""


@dataclass(slots=True)
class UnitOfWork:
    """What one transaction works on. Nothing is written before :meth:`save`, and everything by it."""

    connection: Connection
    now: datetime
    handled: dict[str, HandledCommand] = field(default_factory=dict)
    groups: dict[UUID, JobGroup] = field(default_factory=dict)
    _stored: set[UUID] = field(default_factory=set)
    _changed: set[UUID] = field(default_factory=set)
    _command_rows: list[Row] = field(default_factory=list)
    _event_rows: list[Row] = field(default_factory=list)

    def load_handled(self, command_ids: Iterable[str]) -> None:
        """Read which of `command_ids` have an outcome already."""
        wanted = _one_of(commands.c.id, command_ids)
        query = select(commands.c.id, commands.c.fingerprint, commands.c.outcome).where(wanted)
        for id_, asked, outcome in self.connection.execute(query):
            self.handled[id_] = HandledCommand(asked, Outcome.model_validate(outcome))

    def lock_groups(self, group_ids: Iterable[UUID]) -> None:
        """Load the groups of `group_ids` that exist and lock them until the transaction ends.

        In the order of their ids, so that two transactions over the same groups wait for each other, never in a circle.
        """
        wanted = _one_of(job_groups.c.id, group_ids)
        query = select(job_groups).where(wanted).order_by(job_groups.c.id).with_for_update(key_share=True)
        for row in self.connection.execute(query).mappings():
            self.groups[row["id"]] = group_of(row)
        self._stored.update(self.groups)

    def happen(self, event: JobGroupEvent, envelope: CommandEnvelope) -> None:
        """Let `event`, which `envelope` caused, happen to its group."""
        group = evolve(self.groups.get(event.group_id), event, self.now)
        self.groups[group.id] = group
        self._changed.add(group.id)
        self.append(event, envelope, group.sequence)

    def append(self, event: DomainEvent, envelope: CommandEnvelope, sequence: int | None = None) -> None:
        """Take `event`, which `envelope` caused, into the history and the outbox."""
        data = event.model_dump(mode="json")
        self._event_rows.append(
            {
                "group_id": data["groupId"] or derived_group_id(envelope.id),
                "id": uuid7(),
                "sequence": sequence,
                "name": event.name,
                "data": data,
                "occurred_at": self.now,
                "actor": envelope.actor,
                "correlation_id": envelope.correlation_id or envelope.id,
                "causation_id": envelope.id,
                "traceparent": envelope.traceparent,
            }
        )

    def record(self, envelope: CommandEnvelope, outcome: Outcome) -> None:
        """Take the outcome of `envelope` into the inbox."""
        handled = self.handled[envelope.id] = HandledCommand(fingerprint(envelope), outcome)
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
        """Write groups, events and inbox. Raises ConcurrentWrite where another transaction was faster.

        New rows go in by ascending id, groups before commands, for the same reason as in :meth:`lock_groups`.
        """
        changed = [row_of(self.groups[group_id]) for group_id in sorted(self._changed)]
        try:
            update_rows(self.connection, job_groups, [row for row in changed if row["id"] in self._stored])
            insert_rows(self.connection, job_groups, [row for row in changed if row["id"] not in self._stored])
            insert_rows(self.connection, events, self._event_rows)
            insert_rows(self.connection, commands, sorted(self._command_rows, key=itemgetter("id")))
            if self._event_rows:
                announce(self.connection)
        except IntegrityError as error:
            if isinstance(error.orig, UniqueViolation):
                raise ConcurrentWrite from error
            raise


def _one_of(column: Any, values: Iterable[Any]) -> Any:
    """One array parameter, so that the statement is the same, and prepared once, for any number of values."""
    return column == any_(literal(list(values), ARRAY(column.type)))
