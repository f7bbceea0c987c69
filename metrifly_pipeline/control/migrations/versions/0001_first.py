"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Times are whole microseconds since 1970 UTC. SQLite counts only in columns that are exactly INTEGER.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table, and the one row that orders all changes."""
    _accounts()
    _batches()
    _budgets()
    _changes()
    _publishing()
    _portfolios()
    _connections()
    _attention()
    _batch_connections()
    _coverage()
    _credentials()
    _cursors()
    _leases()
    _runs()
    _streams()
    _requests()
    op.execute("INSERT INTO publishing (id) VALUES (1)")


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
    )


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        sqlite_autoincrement=True,
    )


def _budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("level", sa.Float(precision=53), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("bucket", name="pk_budgets"),
    )


def _changes() -> None:
    op.create_table(
        "changes",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_changes"),
    )


def _publishing() -> None:
    op.create_table(
        "publishing",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("published_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("maintained_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_publishing"),
    )


def _portfolios() -> None:
    op.create_table(
        "portfolios",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("change_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("published_seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_portfolios_account", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_portfolios"),
        sa.UniqueConstraint("account", "name_key", name="uq_portfolios_account_name_key"),
    )


def _connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disconnected_at", sa.BigInteger(), nullable=True),
        sa.Column("first_import_done", sa.Boolean(), nullable=False),
        sa.Column("landed", sa.Boolean(), nullable=False),
        sa.Column("importing_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("importing_planned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_checked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("next_due_at", sa.BigInteger(), nullable=True),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("probed_at", sa.BigInteger(), nullable=True),
        sa.Column("key_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("swept_at", sa.BigInteger(), nullable=True),
        sa.Column("credential_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("shown_status", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name="fk_connections_account", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["portfolio"], ["portfolios.id"], name="fk_connections_portfolio"),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
        sa.UniqueConstraint("account", "exchange", "identity", name="uq_connections_account_exchange_identity"),
        sa.UniqueConstraint("app_id", name="uq_connections_app_id"),
    )
    op.create_index("ix_connections_next_due_at", "connections", ["next_due_at"], unique=False)
    op.create_index("ix_connections_portfolio", "connections", ["portfolio"], unique=False)
    op.create_index("ix_connections_retry_at", "connections", ["retry_at"], unique=False)


def _attention() -> None:
    op.create_table(
        "attention",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_attention_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection", "stage", "reason", "stream", name="pk_attention"),
    )


def _batch_connections() -> None:
    op.create_table(
        "batch_connections",
        sa.Column("batch", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name="fk_batch_connections_batch", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_batch_connections_connection", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch", "place", name="pk_batch_connections"),
    )


def _coverage() -> None:
    op.create_table(
        "coverage",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("span_start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("span_end", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_coverage_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection", "stream", "scope", "span_start", name="pk_coverage"),
    )


def _credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"], ["connections.id"], name="fk_credentials_connection", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection", "version", name="pk_credentials"),
    )


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("planned", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_cursors_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection", "stream", "scope", name="pk_cursors"),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fences", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_leases_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection", name="pk_leases"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("raw_landed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("trades_added", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("movements_added", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amended", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("last_trade_at", sa.BigInteger(), nullable=True),
        sa.Column("newest_request", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fences", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_runs_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_connection_id", "runs", ["connection", "id"], unique=False)


def _streams() -> None:
    op.create_table(
        "streams",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("permitted", sa.Boolean(), nullable=False),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_streams_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection", "stream", name="pk_streams"),
    )


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filed_at", sa.BigInteger(), nullable=False),
        sa.Column("batch", _NUMBER, nullable=True),
        sa.Column("answered_by", _NUMBER, nullable=True),
        sa.Column("attempt", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["answered_by"], ["runs.id"], name="fk_requests_answered_by", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name="fk_requests_batch", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"], name="fk_requests_connection", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_requests_batch", "requests", ["batch"], unique=False)
    op.create_index("ix_requests_connection_answered_by", "requests", ["connection", "answered_by"], unique=False)
