"""Notices can be acknowledged, and a sync says what it cured."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Let a finding carry who acknowledged it, when and why, and runs what they cured; nothing is acknowledged or cured yet."""
    op.add_column("attention", sa.Column("acknowledged_at", sa.BigInteger(), nullable=True))
    op.add_column("attention", sa.Column("acknowledged_by", sa.Text(), nullable=True))
    op.add_column("attention", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("ailing", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("runs", sa.Column("cured", sa.Text(), nullable=False, server_default=sa.text("''")))
