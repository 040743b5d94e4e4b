"""PostgreSQL: whether it answers, holds the schema that this program wants, and keeps what it has confirmed."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps

from psycopg.errors import UndefinedColumn, UndefinedTable
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from models.store import vital_signs
from models.store.engine import DatabaseUnavailable, make_engine
from models.store.migrations import applied_revision, revisions
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Away, Finding, fault, fine, not_checked, warning

STATEMENT_SECONDS = 3
MAX_SKEW_SECONDS = 5
"""Leases, retries and expiry are judged by the clock of whoever looks; a few seconds do them no harm."""
SAFE_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")
"""Those of PostgreSQL that, being off, let a crash take back what was confirmed."""

_REFUSED = re.compile(r"password|authentication|pg_hba|role .* does not exist")


@dataclass(frozen=True)
class Database:
    """A connection on which every statement stands alone, and what led to it."""

    connection: Connection
    circumstances: Circumstances


DatabaseCheck = Callable[[Database], Finding]


@contextmanager
def reach(circumstances: Circumstances) -> Iterator[Database]:
    """Give a connection; raises Away."""
    engine = make_engine(circumstances.address("database_url"), statement_timeout_seconds=STATEMENT_SECONDS)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield Database(connection, circumstances)
    except DatabaseUnavailable as error:
        raise Away(_why_away(" ".join(str(error.orig).split()))) from None
    finally:
        engine.dispose()


def reads_tables(check: DatabaseCheck) -> DatabaseCheck:
    """Let `check` find nothing out where there is no table for it: the line `schema` says why."""

    @wraps(check)
    def read(database: Database) -> Finding:
        try:
            return check(database)
        except ProgrammingError as error:
            if not isinstance(error.orig, UndefinedTable | UndefinedColumn):
                raise
            return not_checked("It needs what the schema does not have.")

    return read


def answers(database: Database) -> Finding:
    """Say which server answers."""
    url = database.connection.engine.url
    where = url.host or url.query.get("host")
    return fine(f"PostgreSQL {vital_signs.server_version(database.connection)} answers at {where}.")


def schema(database: Database) -> Finding:
    """Compare the schema's revision with the one that this program is made for."""
    applied, known = applied_revision(database.connection), revisions()
    migrate = "Run `jobgroups migrate`; that is safe while the service runs, and to repeat."
    if applied is None:
        return fault("The database has no schema yet.", migrate)
    if applied not in known:
        return warning(
            f"The schema is at {applied}, which this program, made for {known[0]}, does not know.",
            "Upgrade this program, and every process that is as old.",
        )
    if behind := known.index(applied):
        return fault(f"The schema is at {applied}, {behind} behind {known[0]}, which this program wants.", migrate)
    return fine(f"The schema is at {applied}, as this program wants it.")


def durability(database: Database) -> Finding:
    """Say whether a crash of the server takes back what it confirmed."""
    values = vital_signs.server_settings(database.connection, SAFE_SETTINGS)
    off = [name for name, value in values.items() if value == "off"]
    if not off:
        return fine("What PostgreSQL confirms is on its disk.")
    return fault(
        f"{' and '.join(off)} of PostgreSQL: off. A crash of its machine takes back commands that were confirmed.",
        "Turn it on in postgresql.conf, and wherever the role or the database has a value of its own.",
    )


def clock(database: Database) -> Finding:
    """Compare the clocks. The answer was given between the question and its arrival: that much is excused."""
    asked_at = datetime.now(UTC)
    there = vital_signs.clock(database.connection)
    ahead = (there - datetime.now(UTC)).total_seconds()
    behind = (asked_at - there).total_seconds()
    if max(ahead, behind) <= MAX_SKEW_SECONDS:
        return fine(f"The clocks here and at PostgreSQL differ by less than {MAX_SKEW_SECONDS} s.")
    return fault(
        f"PostgreSQL's clock is {max(ahead, behind):.0f} s {'ahead of' if ahead > behind else 'behind'} the one here.",
        "Let both machines follow a time server: leases, retries and expiry come at the wrong time.",
    )


@reads_tables
def dead_letters(database: Database) -> Finding:
    """Say whether something waits that could not be carried out."""
    count = vital_signs.unreplayed_letters_count(database.connection)
    if not count:
        return fine("None that was not replayed.")
    return warning(
        f"{count} not replayed: messages that could not be carried out.",
        "`jobgroups dead-letters list` says of what they died; replay or discard them (docs/dead_letters.md).",
    )


@reads_tables
def keys(database: Database) -> Finding:
    """Say whether anybody at all can call the API."""
    stored = vital_signs.live_keys_count(database.connection)
    configured = len(database.circumstances.settings.api_keys)
    if stored or configured or database.circumstances.api.api_key:
        return fine(f"{stored} in the database, {configured} in JOBGROUPS_API_KEYS.")
    return fault(
        "There is none, neither in the database nor in JOBGROUPS_API_KEYS: every HTTP request gets 401.",
        "Make one: `jobgroups keys create NAME`.",
    )


def _why_away(told: str) -> Finding:
    told = told.removeprefix("connection failed: ").partition(" Is the server running")[0]
    if _REFUSED.search(told):
        return fault(
            f"PostgreSQL does not let this user in: {told}.",
            "Correct the user and the password in JOBGROUPS_DATABASE_URL, or let them in (CREATE ROLE, pg_hba.conf).",
        )
    if re.search(r'database ".*" does not exist', told):
        return fault(f"{told}.", "Create it (createdb), or correct its name in JOBGROUPS_DATABASE_URL.")
    return fault(
        f"PostgreSQL does not answer: {told}.",
        "See that it runs, and that JOBGROUPS_DATABASE_URL names its host and port.",
    )
