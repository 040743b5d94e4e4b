"""How often a command was begun whose message the broker delivered again."""

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, exists, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from models.store.tables import attempts, commands


def count_attempt(connection: Connection, command_id: str) -> int:
    """Count one more attempt at the command, and return how many there are; 0 if it has its outcome already."""
    now = datetime.now(UTC)
    unhandled = select(literal(command_id), literal(1), literal(now)).where(
        ~exists().where(commands.c.id == command_id)
    )
    first = insert(attempts).from_select(["command_id", "count", "attempted_at"], unhandled)
    again = first.on_conflict_do_update(
        index_elements=[attempts.c.command_id], set_={"count": attempts.c.count + 1, "attempted_at": now}
    )
    return connection.execute(again.returning(attempts.c.count)).scalar() or 0


def take_back_attempt(connection: Connection, command_id: str) -> None:
    """Let the last attempt not count: the worker survived it."""
    connection.execute(update(attempts).where(attempts.c.command_id == command_id).values(count=attempts.c.count - 1))


def forget_attempts(connection: Connection, before: datetime) -> int:
    """Delete the counts of commands that nobody attempted since `before`; return how many."""
    return connection.execute(delete(attempts).where(attempts.c.attempted_at < before)).rowcount
