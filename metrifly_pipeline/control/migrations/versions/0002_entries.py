"""What people record by hand, and up to which moment an opening balance answers that a history is limited."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add entries with their legs, and the moment to findings; NULL there until the next sync finds them again."""
    op.add_column("attention", sa.Column("opens_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "entries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("value_asset", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_entries_account", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", "version", name="pk_entries"),
    )
    op.create_index("ix_entries_account", "entries", ["account"])
    op.create_table(
        "entry_legs",
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry", "version"],
            ["entries.id", "entries.version"],
            name="fk_entry_legs_entry_version",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_entry_legs_portfolio", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_entry_legs_connection", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("entry", "version", "place", name="pk_entry_legs"),
    )
    op.create_index("ix_entry_legs_connection", "entry_legs", ["connection"])
