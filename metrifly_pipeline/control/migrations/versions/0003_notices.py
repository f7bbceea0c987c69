"""Notices can be acknowledged, a sync says what it cured, and changes of state are told to receivers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Let a finding carry who acknowledged it, when and why, and runs what they cured; nothing is acknowledged or cured yet."""
    op.add_column("attention", sa.Column("acknowledged_at", sa.BigInteger(), nullable=True))
    op.add_column("attention", sa.Column("acknowledged_by", sa.Text(), nullable=True))
    op.add_column("attention", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("ailing", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("runs", sa.Column("cured", sa.Text(), nullable=False, server_default=sa.text("''")))
    _receivers()
    _notifications()


def _receivers() -> None:
    op.create_table(
        "receivers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_receivers_account", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_receivers"),
        sa.UniqueConstraint("account", "kind", "address", name="uq_receivers_account_kind_address"),
    )


def _notifications() -> None:
    op.create_table(
        "told",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_told_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection", "reason", name="pk_told"),
    )
    op.create_table(
        "notifications",
        sa.Column("number", RowNumber, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["receiver"], ["receivers.id"], name="fk_notifications_receiver", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_notifications_connection", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_notifications"),
        sa.UniqueConstraint("id", name="uq_notifications_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notifications_connection", "notifications", ["connection"])
    op.create_index("ix_notifications_next_at", "notifications", ["next_at"])
    op.create_index("ix_notifications_receiver_number", "notifications", ["receiver", "number"])
