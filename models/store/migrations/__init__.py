"""The history of the schema, applied by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest schema. Safe to run from several machines at once."""
    command.upgrade(alembic_config(url), "head")


def alembic_config(url: str) -> Config:
    """Return the Alembic configuration of this folder for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config
