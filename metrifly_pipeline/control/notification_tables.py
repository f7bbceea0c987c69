"""The tables of notifications: who receives them, what was told of each connection, and what is on its way."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from metrifly_pipeline.control.columns import Instant, RowNumber
from metrifly_pipeline.control.tables import metadata

receivers = Table(
    "receivers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # A webhook's secret, sealed like a credential of version 1 whose connection is this receiver; NULL for e-mail.
    Column("key_id", Text),
    Column("wrapped_key", LargeBinary),
    Column("sealed", LargeBinary),
    Column("fingerprint", Text),
    UniqueConstraint("account", "kind", "address"),
)

told = Table(
    "told",
    metadata,
    Column("connection", Text, ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", Text, primary_key=True),
)

notifications = Table(
    "notifications",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("id", Text, nullable=False, unique=True),  # what a receiver tells repetitions by
    Column("receiver", Text, ForeignKey("receivers.id", ondelete="CASCADE"), nullable=False),
    Column("connection", Text, ForeignKey("connections.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_at", Instant, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("next_at", Instant, index=True),  # NULL: delivered or given up
    Column("delivered_at", Instant),
    Column("trouble", Text, nullable=False),
    Index("ix_notifications_receiver_number", "receiver", "number"),
    sqlite_autoincrement=True,  # numbers stand in Dagster's run keys and must never come back
)
