"""Master keys that were retired, so that a process that still holds one can't seal under it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table; none was ever retired."""
    op.create_table(
        "retired_keys",
        sa.Column("key_id", sa.Text(), primary_key=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=False),
    )
