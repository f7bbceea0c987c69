"""The tables of the control database. A change here needs a migration; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from metrifly_pipeline.control.columns import Instant, RowNumber

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _connection(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "connection",
        Text,
        ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("plan", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

portfolios = Table(
    "portfolios",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # casefolded by Python: the two databases fold case differently
    _count("change_seq"),
    _count("published_seq"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("account", "name_key"),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("portfolio", Text, ForeignKey("portfolios.id"), nullable=False, index=True),
    Column("exchange", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("base_url", Text),
    Column("identity", Text),
    Column("app_id", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("disconnected_at", Instant),
    Column("first_import_done", Boolean, nullable=False),
    Column("landed", Boolean, nullable=False),
    _count("importing_done"),
    _count("importing_planned"),
    Column("last_checked_at", Instant),
    Column("last_success_at", Instant),
    Column("next_due_at", Instant, index=True),
    Column("retry_at", Instant, index=True),
    Column("failing_since", Instant),
    _count("failures"),
    Column("probed_at", Instant),
    Column("key_expires_at", Instant),
    Column("swept_at", Instant),
    _count("credential_version"),
    Column("ailing", Text, nullable=False, server_default=text("''")),
    Column("shown_status", Text, nullable=False),  # the status of the last numbered change: what readers were told
    # NULLs differ from each other on both databases: accounts without an identity are never taken for the same.
    UniqueConstraint("account", "exchange", "identity"),
)

credentials = Table(
    "credentials",
    metadata,
    _connection(primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    _connection(primary_key=True),
    _count("token"),
    _count("fences"),  # how often a key was replaced or taken away: tells a run that it was overtaken
    Column("holder", Text),
    Column("expires_at", Instant),
)

cursors = Table(
    "cursors",
    metadata,
    _connection(primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("state", Text),  # flat JSON; NULL while pages have counted but moved no cursor
    _count("done"),
    _count("planned"),
)

coverage = Table(
    "coverage",
    metadata,
    _connection(primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("span_start", Instant, primary_key=True, autoincrement=False),
    Column("span_end", Instant, nullable=False),
    Column("ended", Text, nullable=False),
)

streams = Table(
    "streams",
    metadata,
    _connection(primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("permitted", Boolean, nullable=False),
    Column("last_success_at", Instant),
)

batches = Table(
    "batches",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    sqlite_autoincrement=True,  # numbers stand in Dagster's run keys and must never come back
)

batch_connections = Table(
    "batch_connections",
    metadata,
    Column("batch", RowNumber, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    _connection(),
)

runs = Table(
    "runs",
    metadata,
    Column("id", RowNumber, primary_key=True),
    _connection(),
    Column("kind", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Text, nullable=False),
    _count("raw_landed"),
    _count("trades_added"),
    _count("movements_added"),
    _count("amended"),
    _count("quarantined"),
    _count("requests"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("last_trade_at", Instant),
    Column("cured", Text, nullable=False, server_default=text("''")),
    _count("newest_request"),  # the connection's newest request when the run started: what it answers
    _count("fences"),  # the lease's when the run started
    Index("ix_runs_connection_id", "connection", "id"),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("id", RowNumber, primary_key=True),
    _connection(),
    Column("kind", Text, nullable=False),
    Column("filed_at", Instant, nullable=False),
    Column("batch", RowNumber, ForeignKey("batches.id", ondelete="SET NULL"), index=True),
    Column("answered_by", RowNumber, ForeignKey("runs.id", ondelete="SET NULL")),
    _count("attempt"),
    Index("ix_requests_connection_answered_by", "connection", "answered_by"),
    sqlite_autoincrement=True,
)

attention = Table(
    "attention",
    metadata,
    _connection(primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("detail", Text, nullable=False),
    Column("opens_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("note", Text),
)

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
    _count("rows"),
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

publishing = Table(
    "publishing",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # always 1: locking this row orders all changes
    _count("change_seq"),
    _count("published_seq"),
    Column("published_at", Instant),
    _count("asked_seq"),
    Column("asked_at", Instant),
    _count("attempt"),
    Column("maintained_at", Instant),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("urgency", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("level", Float(53), nullable=False),
    Column("updated_at", Instant),
    Column("paused_until", Instant),
    _count("day"),
    Column("taken_today", Float(53), nullable=False, server_default="0"),
    Column("taken_day_before", Float(53), nullable=False, server_default="0"),
)
