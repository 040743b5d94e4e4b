"""Changes of the schema that last for a test: what the contracts let through is refused, or meets a fault of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

UNLUCKY = "unlucky"
"""The name of groups that cannot be written, while `unlucky_groups_fail`."""


@contextmanager
def for_a_while(database_url: str, do: str, undo: str) -> Iterator[None]:
    """Change the schema, and change it back."""

    def execute(statement: str) -> None:
        with create_engine(database_url, poolclass=NullPool).begin() as connection:
            connection.execute(text(statement))

    execute(do)
    try:
        yield
    finally:
        execute(undo)


@contextmanager
def failing(database_url: str, trigger: str, when: str, told: str = "not today") -> Iterator[None]:
    """Let what fires `trigger` (`BEFORE INSERT ON events`) fail for rows `when`, in a way that no contract knows."""
    table = trigger.rpartition(" ON ")[2].split()[0]
    function = f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '{told}'; END $$"
    kind = "CONSTRAINT TRIGGER" if "DEFERRABLE" in trigger else "TRIGGER"
    with (
        for_a_while(database_url, function, "DROP FUNCTION fail"),
        for_a_while(
            database_url,
            f"CREATE {kind} fail {trigger} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fail()",
            f"DROP TRIGGER fail ON {table}",
        ),
    ):
        yield


@contextmanager
def unlucky_groups_fail(database_url: str) -> Iterator[None]:
    """Make a fault of ours, which only groups of one name meet."""
    with failing(database_url, "BEFORE INSERT OR UPDATE ON job_groups", f"NEW.name = '{UNLUCKY}'"):
        yield
