"""The history of the schema, applied by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

TABLE_WAIT_SECONDS = 120


def _is_in_use(error: BaseException) -> bool:
    """A migration of two tables waits for commands that wait for it, whatever the order in which it takes them."""
    return isinstance(getattr(error, "orig", None), LockNotAvailable | DeadlockDetected)


@retry(
    retry=retry_if_exception(_is_in_use),
    wait=wait_random(1, 3),
    stop=stop_after_delay(TABLE_WAIT_SECONDS),
    reraise=True,
)
def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest schema. Safe to run from several machines at once, and under load:
    where a table stays in use, it steps back and tries again, for two minutes."""
    command.upgrade(alembic_config(url), "head")


def revisions() -> list[str]:
    """Return the schema's revisions that this code knows, the newest first."""
    scripts = ScriptDirectory.from_config(alembic_config(""))
    return [script.revision for script in scripts.walk_revisions()]


def applied_revision(connection: Connection) -> str | None:
    """Return the revision of the schema that `connection` is to; None where there is none."""
    return MigrationContext.configure(connection).get_current_revision()


def alembic_config(url: str) -> Config:
    """Return the Alembic configuration of this folder for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config
