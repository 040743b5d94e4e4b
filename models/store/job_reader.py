"""The jobs that a transaction needs: those its commands name, those that are due, those that there is room for.

Every list of ids or values travels as one array, so that each statement is prepared once for any number of them. What
an index is made for, a status or a key of the document, is spelled out in the statement: a plan that is kept for any
value of a parameter could not use that index.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Integer,
    Select,
    TableValuedAlias,
    Text,
    Uuid,
    any_,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from models.job import Job
from models.lifecycle import RETRYABLE
from models.store.job_rows import job_of
from models.store.tables import PROCESSING, QUEUED, jobs

_SHA256 = jobs.c.document.op("->>", return_type=Text())(literal("sha256", literal_execute=True))


class JobReader:
    """Loads jobs of groups that the transaction of `connection` has locked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def named(self, pairs: Iterable[tuple[UUID, UUID]]) -> list[Job]:
        """Return the jobs with these (group id, job id) that exist."""
        wanted = _pairs(pairs, Uuid())
        same = (jobs.c.group_id == wanted.c.group_id) & (jobs.c.id == wanted.c.value)
        return self._read(select(jobs).join(wanted, same))

    def retryable(self, group_ids: Iterable[UUID]) -> list[Job]:
        """Return the failed, cancelled, expired and rejected jobs of the groups."""
        retryable = jobs.c.status.in_(sorted(RETRYABLE))
        return self._read(select(jobs).where(_in_groups(group_ids), retryable))

    def overdue(self, group_ids: Iterable[UUID], now: datetime) -> list[Job]:
        """Return the jobs of the groups whose lease has lapsed."""
        lapsed = PROCESSING & (jobs.c.lease_expires_at <= now)
        return self._read(select(jobs).where(_in_groups(group_ids), lapsed))

    def queued(self, group_id: UUID) -> list[Job]:
        """Return the queued jobs of the group."""
        return self._read(select(jobs).where(jobs.c.group_id == group_id, QUEUED))

    def due(self, limits: Mapping[UUID, int], now: datetime) -> list[Job]:
        """Return the next due jobs of each group, as many as its limit says."""
        groups = func.unnest(literal(list(limits), ARRAY(Uuid)), literal(list(limits.values()), ARRAY(Integer)))
        asked = groups.table_valued("id", "maximum").render_derived(name="asked")
        is_due = or_(jobs.c.next_attempt_at.is_(None), jobs.c.next_attempt_at <= now)
        following = (
            select(jobs)
            .where(jobs.c.group_id == asked.c.id, QUEUED, is_due)
            .order_by(jobs.c.number)
            .limit(asked.c.maximum)
            .lateral("following")
        )
        return self._read(select(following).select_from(asked).join(following, true()))

    def known_documents(self, pairs: Iterable[tuple[UUID, str]]) -> list[tuple[UUID, str]]:
        """Return which of these (group id, SHA-256) are documents of the group already."""
        wanted = _pairs(pairs, Text())
        same = (jobs.c.group_id == wanted.c.group_id) & (wanted.c.value == _SHA256)
        query = select(jobs.c.group_id, _SHA256).join(wanted, same)
        return [(group_id, known) for group_id, known in self._connection.execute(query)]

    def _read(self, query: Select[Any]) -> list[Job]:
        return [job_of(row) for row in self._connection.execute(query).mappings().all()]


def _pairs(pairs: Iterable[tuple[UUID, Any]], type_: TypeEngine[Any]) -> TableValuedAlias:
    group_ids, values = zip(*pairs, strict=True)
    unnested = func.unnest(literal(list(group_ids), ARRAY(Uuid)), literal(list(values), ARRAY(type_)))
    return unnested.table_valued("group_id", "value").render_derived(name="wanted")


def _in_groups(group_ids: Iterable[UUID]) -> ColumnElement[bool]:
    return jobs.c.group_id == any_(literal(list(group_ids), ARRAY(Uuid)))
