"""The control database's part of the warehouse: small tables, each column explained to the analyst."""

from collections.abc import Sequence
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.estimating import Progress
from metrifly_pipeline.domain.lake_rows import Column, SmallTable
from metrifly_pipeline.domain.ports import ControlStore
from metrifly_pipeline.services.reports import ConnectionView

_TIME = "TIMESTAMPTZ"


def small_tables(control: ControlStore, views: Sequence[ConnectionView], now: datetime) -> list[SmallTable]:
    """Connections, their streams and attention, coverage, portfolios and sync runs, as they stand at `now`."""
    return [
        _connections(views, now),
        _streams(views),
        _attention(views, now),
        _coverage(control),
        _portfolios(control),
        _sync_runs(control),
    ]


def _connections(views: Sequence[ConnectionView], now: datetime) -> SmallTable:
    columns = (
        Column(
            name="connection_id",
            sql_type="VARCHAR",
            comment="The connection: one exchange key flowing into one portfolio.",
        ),
        Column(name="account_id", sql_type="VARCHAR", comment="The Metrifly account it belongs to."),
        Column(name="portfolio_id", sql_type="VARCHAR", comment="The portfolio its trades flow into."),
        Column(name="portfolio", sql_type="VARCHAR", comment="That portfolio's name."),
        Column(name="exchange", sql_type="VARCHAR", comment="The exchange, such as kraken."),
        Column(name="label", sql_type="VARCHAR", comment="The name its owner gave it."),
        Column(
            name="is_local", sql_type="BOOLEAN", comment="Whether it talks to a local exchange instead of the real one."
        ),
        Column(
            name="status",
            sql_type="VARCHAR",
            comment="importing, up_to_date, syncing, delayed, needs_attention or disconnected.",
        ),
        Column(
            name="reason",
            sql_type="VARCHAR",
            comment="What stands first: the reason of the gravest attention that is not acknowledged; NULL when none does.",
        ),
        Column(name="remedy", sql_type="VARCHAR", comment="What to do about it, in plain words."),
        Column(
            name="import_percent",
            sql_type="INTEGER",
            comment="How much of the first import was done when this file was made; NULL where none is under way, or nobody can know.",
        ),
        Column(
            name="import_seconds_left",
            sql_type="BIGINT",
            comment="How long it still took from then on at the exchange's limits, estimated; NULL where it stands still, too.",
        ),
        Column(
            name="progress", sql_type="VARCHAR", comment="The same in words; NULL where no first import is under way."
        ),
        Column(name="trades", sql_type="BIGINT", comment="Trades imported, each counted once."),
        Column(
            name="movements", sql_type="BIGINT", comment="Movements imported (rows: a convert has one for each asset)."
        ),
        Column(name="first_trade_at", sql_type=_TIME, comment="When the oldest trade was executed."),
        Column(name="last_trade_at", sql_type=_TIME, comment="When the newest trade was executed."),
        Column(
            name="last_checked_at",
            sql_type=_TIME,
            comment="When the exchange was last asked, as far as this file knows.",
        ),
        Column(
            name="last_success_at", sql_type=_TIME, comment="When a sync last ended well, as far as this file knows."
        ),
        Column(name="connected_at", sql_type=_TIME, comment="When it was connected."),
        Column(name="disconnected_at", sql_type=_TIME, comment="When it was disconnected; NULL while it is connected."),
    )
    return SmallTable(
        name="connections",
        comment="Every connection with its status and what it needs; disconnected ones too.",
        columns=columns,
        rows=[_connection_row(view, now) for view in views],
    )


def _connection_row(view: ConnectionView, now: datetime) -> tuple[object, ...]:
    connection, worst = view.connection, view.worst(now)
    return (
        connection.id,
        connection.account,
        connection.portfolio,
        view.portfolio_name,
        connection.exchange,
        connection.label,
        view.is_local,
        view.status.value,
        worst.reason.value if worst else None,
        worst.remedy if worst else None,
        *_progress(view.progress),
        view.progress_text or None,
        view.trades,
        view.movements,
        view.first_trade_at,
        view.last_trade_at,
        connection.last_checked_at,
        connection.last_success_at,
        connection.created_at,
        connection.disconnected_at,
    )


def _progress(progress: Progress | None) -> tuple[int | None, int | None]:
    """Percent and seconds left."""
    if progress is None:
        return None, None
    return progress.percent, None if progress.left is None else round(progress.left.total_seconds())


def _streams(views: Sequence[ConnectionView]) -> SmallTable:
    columns = (
        Column(name="connection_id", sql_type="VARCHAR", comment="The connection."),
        Column(name="stream", sql_type="VARCHAR", comment="What is asked, such as fills."),
        Column(
            name="status",
            sql_type="VARCHAR",
            comment="As for connections, or waiting (for its turn in a first import) or not_permitted.",
        ),
        Column(name="import_percent", sql_type="INTEGER", comment="As for connections, of this stream alone."),
        Column(name="import_seconds_left", sql_type="BIGINT", comment="The same."),
        Column(
            name="last_success_at",
            sql_type=_TIME,
            comment="When a span of it was last proven complete, or its state read.",
        ),
    )
    rows = [
        (view.connection.id, each.stream, each.status.value, *_progress(each.progress), each.last_success_at)
        for view in views
        for each in view.streams
    ]
    return SmallTable(name="streams", comment="Every stream of every connection.", columns=columns, rows=rows)


def _attention(views: Sequence[ConnectionView], now: datetime) -> SmallTable:
    columns = (
        Column(name="connection_id", sql_type="VARCHAR", comment="The connection it stands on."),
        Column(name="reason", sql_type="VARCHAR", comment="The reason, such as key_invalid."),
        Column(
            name="level",
            sql_type="VARCHAR",
            comment="action: somebody must act; notice: syncs fine, data limited; info.",
        ),
        Column(name="stream", sql_type="VARCHAR", comment="The stream concerned; empty for all."),
        Column(name="title", sql_type="VARCHAR", comment="What is the matter."),
        Column(name="detail", sql_type="VARCHAR", comment="What the exchange's facts add."),
        Column(name="remedy", sql_type="VARCHAR", comment="What to do."),
        Column(name="since", sql_type=_TIME, comment="Since when it stands."),
        Column(
            name="acknowledged_at",
            sql_type=_TIME,
            comment="When a notice was acknowledged; NULL where it was not, or its facts have changed since.",
        ),
        Column(name="acknowledged_by", sql_type="VARCHAR", comment="The Metrifly account that acknowledged it."),
        Column(name="note", sql_type="VARCHAR", comment="Why it may stand, in the words of who acknowledged it."),
    )
    rows = [
        (
            item.connection,
            item.reason.value,
            item.level(now).value,
            item.stream,
            item.title,
            item.detail,
            item.remedy,
            item.since,
            *_acknowledged(item),
        )
        for view in views
        for item in view.attention
    ]
    return SmallTable(
        name="attention", comment="Everything that stands in the way of a complete history.", columns=columns, rows=rows
    )


def _acknowledged(item: Attention) -> tuple[object, ...]:
    given = item.acknowledged
    return (None, None, None) if given is None else (given.at, given.by, given.note)


def _coverage(control: ControlStore) -> SmallTable:
    columns = (
        Column(name="connection_id", sql_type="VARCHAR", comment="The connection."),
        Column(name="stream", sql_type="VARCHAR", comment="What was asked, such as fills."),
        Column(name="scope", sql_type="VARCHAR", comment="What it was asked by: a market, a category or all."),
        Column(name="covered_from", sql_type=_TIME, comment="From here on, the history is proven complete."),
        Column(name="covered_to", sql_type=_TIME, comment="Up to here."),
        Column(name="ended", sql_type="VARCHAR", comment="How the proof ended."),
    )
    return SmallTable(
        name="coverage",
        comment="Which span of time is proven complete, per connection, stream and scope.",
        columns=columns,
        rows=control.coverage_rows(),
    )


def _portfolios(control: ControlStore) -> SmallTable:
    columns = (
        Column(name="portfolio_id", sql_type="VARCHAR", comment="The portfolio."),
        Column(name="account_id", sql_type="VARCHAR", comment="The Metrifly account it belongs to."),
        Column(name="name", sql_type="VARCHAR", comment="Its name, unique within the account."),
        Column(name="created_at", sql_type=_TIME, comment="When it was created."),
    )
    rows = [(item.id, item.account, item.name, item.created_at) for item in control.portfolios()]
    return SmallTable(name="portfolios", comment="Every portfolio.", columns=columns, rows=rows)


def _sync_runs(control: ControlStore) -> SmallTable:
    columns = (
        Column(name="connection_id", sql_type="VARCHAR", comment="The connection."),
        Column(name="kind", sql_type="VARCHAR", comment="first_import, sync_now, daily or rebuild."),
        Column(name="started_at", sql_type=_TIME, comment="When it began."),
        Column(name="finished_at", sql_type=_TIME, comment="When it ended; NULL while it runs or where it died."),
        Column(
            name="outcome", sql_type="VARCHAR", comment="added, nothing_new, continues, failed, lease_lost or running."
        ),
        Column(name="trades_added", sql_type="BIGINT", comment="Trades it added."),
        Column(name="movements_added", sql_type="BIGINT", comment="Movements it added."),
        Column(name="requests", sql_type="BIGINT", comment="Requests it sent to the exchange."),
        Column(name="reason", sql_type="VARCHAR", comment="Why it failed; empty where it did not."),
        Column(
            name="cured",
            sql_type="VARCHAR",
            comment="Reasons that no longer stand because it ended well, with a blank between them; empty where none.",
        ),
    )
    rows = [
        (
            r.connection,
            r.kind.value,
            r.started_at,
            r.finished_at,
            r.outcome.value,
            r.trades_added,
            r.movements_added,
            r.requests,
            r.reason,
            r.cured,
        )
        for r in control.runs(limit=1000)
    ]
    return SmallTable(name="sync_runs", comment="The last 1,000 syncs, newest first.", columns=columns, rows=rows)
