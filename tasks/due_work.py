"""Doing what is due, on the same path as every command."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection, Engine
from uuid_utils.compat import uuid7

from models import names
from models.commands import CommandEnvelope
from models.store.due import groups_due, groups_finished
from tasks.following import follow
from tasks.handling import handle

CHUNK_COUNT = 100
ACTOR = "housekeeping"


def do_due_work(engine: Engine) -> int:
    """Wake every group that has something due, and return how many there were.

    Two of these at once do no harm: a group is locked while it is woken, and the second finds nothing due any more.
    The commands are handled here and not sent, so that an outage of the workers does not pile up wake-ups.
    """
    return _repeat(
        engine, names.JOB_GROUP_WAKE, lambda connection: groups_due(connection, datetime.now(UTC), CHUNK_COUNT)
    )


def delete_finished_groups(engine: Engine, *, older_than_days: int) -> int:
    """Delete every group that ended more than `older_than_days` ago, as its owners would; return how many."""
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    return _repeat(engine, names.JOB_GROUP_DELETE, lambda connection: groups_finished(connection, before, CHUNK_COUNT))


def _repeat(engine: Engine, command_type: str, find: Callable[[Connection], Sequence[UUID]]) -> int:
    """Send `command_type` to what `find` finds, until that is less than a chunk: what is found again next time waits
    until then."""
    handled = 0
    while True:
        with engine.connect() as connection:
            group_ids = find(connection)
        if group_ids:
            follow([_command(command_type, group_id) for group_id in group_ids], partial(handle, engine))
        handled += len(group_ids)
        if len(group_ids) < CHUNK_COUNT:
            return handled


def _command(type_: str, group_id: UUID) -> CommandEnvelope:
    return CommandEnvelope(id=str(uuid7()), type=type_, data={"id": str(group_id)}, actor=ACTOR)
