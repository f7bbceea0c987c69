"""The tables of accounts that were deleted; a row stands there only until the account's last trace is gone."""

from sqlalchemy import Column, ForeignKey, Table, Text

from metrifly_pipeline.control.columns import Instant, RowNumber
from metrifly_pipeline.control.tables import metadata

erasures = Table(
    "erasures",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("account_name", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("erase_at", Instant, nullable=False),
    Column("rewritten_at", Instant),
    sqlite_autoincrement=True,
)

erased_connections = Table(
    "erased_connections",
    metadata,
    Column("erasure", RowNumber, ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("connection", Text, primary_key=True),
    Column(
        "app_id", Text, nullable=False
    ),  # tables know the connection by it; without a row here it is a random number
)
