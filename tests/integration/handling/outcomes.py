"""What handling commands leaves behind."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from models.commands import CommandEnvelope
from models.outcome import Outcome
from tasks.handling import handle
from tests.commands import select
from tests.schema_changes import for_a_while


def one(engine: Engine, envelope: CommandEnvelope) -> Outcome:
    """Handle one command."""
    (outcome,) = handle(engine, [envelope])
    return outcome


def url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def rows(engine: Engine, table: str, order: str = "1") -> list[dict[str, Any]]:
    return select(url(engine), f"SELECT * FROM {table} ORDER BY {order}")


def counts(engine: Engine) -> dict[str, int]:
    return {table: len(rows(engine, table)) for table in ("commands", "job_groups", "events", "dead_letters")}


def group(engine: Engine, id_: str) -> dict[str, Any]:
    (found,) = [row for row in rows(engine, "job_groups") if row["id"] == UUID(id_)]
    return found


def events_of(engine: Engine, id_: str) -> list[dict[str, Any]]:
    return [row for row in rows(engine, "events", "ordinal") if row["group_id"] == UUID(id_)]


def sequences(engine: Engine, id_: str) -> list[int]:
    return [row["sequence"] for row in events_of(engine, id_) if row["sequence"] is not None]


def told(outcomes: Sequence[Outcome]) -> list[str]:
    """What became of each command: succeeded, or the error's code."""
    return [outcome.error.code.value if outcome.error else outcome.status for outcome in outcomes]


def refusing_groups_called(engine: Engine, name: str) -> AbstractContextManager[None]:
    """Let the database refuse what the contracts let through."""
    constraint = "ALTER TABLE job_groups {} CONSTRAINT not_this_name"
    return for_a_while(url(engine), constraint.format("ADD") + f" CHECK (name <> '{name}')", constraint.format("DROP"))
