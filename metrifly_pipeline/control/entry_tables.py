"""The tables of what people record by hand or import from files."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, ForeignKeyConstraint, Table, Text, UniqueConstraint

from metrifly_pipeline.control.columns import Instant, count
from metrifly_pipeline.control.tables import metadata

entries = Table(  # rows are only ever added: the newest version of an id stands, unless it says deleted
    "entries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("price", Text),  # amounts are text: SQLite has no decimals
    Column("value", Text),
    Column("value_asset", Text),
    Column("note", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", Text, nullable=False),
)

entry_legs = Table(
    "entry_legs",
    metadata,
    Column("entry", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    # What stands beside a connection is what was true when it was recorded: the connection's own portfolio goes before it.
    Column("portfolio", Text, ForeignKey("portfolios.id", ondelete="CASCADE"), nullable=False),
    Column("connection", Text, ForeignKey("connections.id", ondelete="CASCADE"), index=True),
    Column("role", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("amount", Text, nullable=False),
    ForeignKeyConstraint(["entry", "version"], ["entries.id", "entries.version"], ondelete="CASCADE"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("portfolio", Text, ForeignKey("portfolios.id", ondelete="CASCADE"), nullable=False),
    Column("file_name", Text, nullable=False),
    count("rows"),
    Column("imported_at", Instant, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("undone_at", Instant),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Text, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),
    Column("place", Text, nullable=False),  # a connection or a portfolio: the id alone tells whose row it is
    Column("identity", Text),  # NULL once the row was taken back; NULLs differ from each other
    Column("fingerprint", Text, nullable=False),
    UniqueConstraint("identity", "place"),
)
