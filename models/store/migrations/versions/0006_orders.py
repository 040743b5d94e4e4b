"""an index for each order of the lists

Writers of a table wait while its indexes are built: about a second for each, on a million rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
SORTED = (
    "updated_at",
    "started_at",
    "finished_at",
    "expires_at",
    "name",
    "batch_number",
    "template",
    "priority",
    "status",
    "created_by",
    "assigned_to",
    "version",
    "generation",
)


def upgrade() -> None:
    for column in SORTED:
        op.create_index(
            f"ix_job_groups_by_{column}", "job_groups", [column, "created_at", "id"], postgresql_where=LIVING
        )
    op.drop_index("ix_job_groups_status", "job_groups")
    op.drop_index("ix_job_groups_finished", "job_groups")
    op.create_index("ix_jobs_number", "jobs", ["group_id", "number", "id"])
    op.create_index(
        "ix_events_history", "events", ["group_id", "position"], postgresql_where=sa.text("position IS NOT NULL")
    )
    op.create_index("ix_dead_letters_reason", "dead_letters", ["reason", "id"])


def downgrade() -> None:
    op.drop_index("ix_dead_letters_reason", "dead_letters")
    op.drop_index("ix_events_history", "events")
    op.drop_index("ix_jobs_number", "jobs")
    op.create_index("ix_job_groups_finished", "job_groups", ["finished_at"], postgresql_where=LIVING)
    op.create_index("ix_job_groups_status", "job_groups", ["status", "created_at", "id"], postgresql_where=LIVING)
    for column in SORTED:
        op.drop_index(f"ix_job_groups_by_{column}", "job_groups")
