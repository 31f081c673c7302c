"""Which findings of a run are whose to review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table `assignments`."""
    op.create_table(
        "assignments",
        sa.Column("run_id", sa.String(80), primary_key=True),
        sa.Column("finding_key", sa.String(64), primary_key=True),
        sa.Column("reviewer", sa.String(255), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
    )
