"""the index by position leaves out what has none: the relay would search it for its next batch"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_events_position", table_name="events")
    op.create_index(
        "ix_events_position", "events", ["position"], unique=False, postgresql_where=sa.text("position IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_events_position", table_name="events")
    op.create_index("ix_events_position", "events", ["position"], unique=False)
