"""dead letters are found by their id, and know when they were replayed"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_dead_letters_id", "dead_letters", ["id"], unique=False)
    op.drop_index("ix_dead_letters_died", table_name="dead_letters")


def downgrade() -> None:
    op.create_index("ix_dead_letters_died", "dead_letters", ["died_at"], unique=False)
    op.drop_index("ix_dead_letters_id", table_name="dead_letters")
    op.drop_column("dead_letters", "replayed_at")
