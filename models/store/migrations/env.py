"""Alembic's entry: runs the migrations on one connection, one machine at a time."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from models.store.tables import metadata

MIGRATION_LOCK = 0x0CF1_0001
"""Advisory lock: replicas that start together migrate one after the other, and the second finds nothing to do."""
OTHER_MIGRATION_SECONDS = 600

LOCK_TIMEOUT_SECONDS = 2
"""How long a table in use is waited for: behind a migration that waits, everything else waits as well."""


def run() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{OTHER_MIGRATION_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
        context.configure(connection=connection, target_metadata=metadata)
        context.run_migrations()


run()
