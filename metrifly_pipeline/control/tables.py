"""The tables of the control database. A change here needs a migration; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from metrifly_pipeline.control.columns import Instant, RowNumber, count

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
    count("change_seq"),
    count("published_seq"),
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
    count("importing_done"),
    count("importing_planned"),
    Column("last_checked_at", Instant),
    Column("last_success_at", Instant),
    Column("next_due_at", Instant, index=True),
    Column("retry_at", Instant, index=True),
    Column("failing_since", Instant),
    count("failures"),
    Column("probed_at", Instant),
    Column("key_expires_at", Instant),
    Column("swept_at", Instant),
    count("credential_version"),
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
    count("token"),
    count("fences"),  # how often a key was replaced or taken away: tells a run that it was overtaken
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
    count("done"),
    count("planned"),
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
    count("raw_landed"),
    count("trades_added"),
    count("movements_added"),
    count("amended"),
    count("quarantined"),
    count("requests"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("last_trade_at", Instant),
    Column("cured", Text, nullable=False, server_default=text("''")),
    count("newest_request"),  # the connection's newest request when the run started: what it answers
    count("fences"),  # the lease's when the run started
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
    count("attempt"),
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

publishing = Table(
    "publishing",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # always 1: locking this row orders all changes
    count("change_seq"),
    count("published_seq"),
    Column("published_at", Instant),
    count("asked_seq"),
    Column("asked_at", Instant),
    count("attempt"),
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
    count("day"),
    Column("taken_today", Float(53), nullable=False, server_default="0"),
    Column("taken_day_before", Float(53), nullable=False, server_default="0"),
)

retired_keys = Table(
    "retired_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("retired_at", Instant, nullable=False),
)
