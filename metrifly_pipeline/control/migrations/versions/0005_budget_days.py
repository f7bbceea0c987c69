"""How much of each limit was taken since midnight and on the day before, so that one can tell what room is left."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the counts; nothing is known of the time before."""
    op.add_column("budgets", sa.Column("day", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("budgets", sa.Column("taken_today", sa.Float(53), nullable=False, server_default="0"))
    op.add_column("budgets", sa.Column("taken_day_before", sa.Float(53), nullable=False, server_default="0"))
