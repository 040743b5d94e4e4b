"""an index of the dead letters that were replayed: retention looks for the oldest"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_dead_letters_replayed", "dead_letters", ["replayed_at"], postgresql_where=sa.text("replayed_at IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_dead_letters_replayed", table_name="dead_letters")
