"""A schema newer than the service's own, by one revision that takes two tables from whoever works on them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from models.store import migrations
from tests.commands import select

REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "newer", "{head}", None, None


def upgrade():
    # Jobs before groups: the opposite of what a command locks first.
    for table in ("jobs", "job_groups"):
        op.add_column(table, sa.Column("note", sa.Text(), nullable=True))
        op.create_index(f"ix_{{table}}_note", table, ["note"])


def downgrade():
    for table in ("jobs", "job_groups"):
        op.drop_column(table, "note")
"""
NOTES = """
SELECT 1 FROM information_schema.columns WHERE table_name IN ('jobs', 'job_groups') AND column_name = 'note'
"""


@contextmanager
def newer_schema(url: str, directory: Path) -> Iterator[None]:
    """Let `migrations.upgrade` know one revision more while the block lasts, and take it back at the end."""
    own_config = migrations.alembic_config
    own_scripts = ScriptDirectory.from_config(own_config(url))
    head = str(own_scripts.get_current_head())
    (directory / "newer.py").write_text(REVISION.format(head=head))

    def config_with_revision(url: str) -> Config:
        config = own_config(url)
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", f"{own_scripts.versions}{os.pathsep}{directory}")
        return config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "alembic_config", config_with_revision)
        try:
            yield
        finally:
            command.downgrade(config_with_revision(url), head)


def has_newer_schema(url: str) -> bool:
    """Say whether both tables have their new column."""
    return len(select(url, NOTES)) == 2
