"""Notices can be acknowledged."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Let a finding carry who acknowledged it, when and why; nothing is acknowledged yet."""
    op.add_column("attention", sa.Column("acknowledged_at", sa.BigInteger(), nullable=True))
    op.add_column("attention", sa.Column("acknowledged_by", sa.Text(), nullable=True))
    op.add_column("attention", sa.Column("note", sa.Text(), nullable=True))
