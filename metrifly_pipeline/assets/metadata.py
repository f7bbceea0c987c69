"""From reports to what Dagster shows: which assets changed, metadata, and the sentences of the log. Pure; ids only, never a person's words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import dagster as dg

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.curing import in_words
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import ReconciliationRow
from metrifly_pipeline.domain.reasons import MEANING, Level, Reason, remedy_for
from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.services.reports import ConnectionReport, ConnectionView, Dashboard, FamilyVerdict

Metadata = Mapping[str, dg.MetadataValue]

RAW_FILLS = "raw_fills"
RAW_ACTIVITY = "raw_activity"
TRADES = "trades"
MOVEMENTS = "movements"
BALANCES = "balances"
CONNECTION_ASSETS = (RAW_FILLS, RAW_ACTIVITY, TRADES, MOVEMENTS, BALANCES)
NORMALISED_ASSETS = frozenset({TRADES, MOVEMENTS, BALANCES})

SHOWN_ROWS = 50
"""How many rows a table in the UI holds; below it stands how many more there are."""


# One connection's sync


def changed_assets(report: ConnectionReport) -> list[str]:
    """Which connection assets this sync changed, in order.

    Raw records are counted together: what only amended or quarantined can't be told apart and counts for fills and activity alike.
    """
    run = report.run
    unclear = bool(run.amended or run.quarantined)
    trades = bool(run.trades_added) or unclear
    movements = bool(run.movements_added) or unclear
    balances = report.balances_added > 0
    activity = movements or balances
    silent = not (trades or activity)
    landed = run.raw_landed > 0
    verdicts = {
        RAW_FILLS: landed and (trades or silent),
        RAW_ACTIVITY: landed and (activity or silent),
        TRADES: trades,
        MOVEMENTS: movements,
        BALANCES: balances,
    }
    return [name for name in CONNECTION_ASSETS if verdicts[name]]


def connection_metadata(asset: str, report: ConnectionReport) -> Metadata:
    """What one connection's materialisation of `asset` tells: rows this sync added, and the newest trade."""
    run = report.run
    if asset == TRADES:
        rows: dict[str, dg.MetadataValue] = {"rows_added": dg.MetadataValue.int(run.trades_added)}
        if run.last_trade_at is not None:
            rows["last_trade_at"] = dg.MetadataValue.timestamp(run.last_trade_at)
        return rows | _oddities(report)
    if asset == MOVEMENTS:
        return {"rows_added": dg.MetadataValue.int(run.movements_added)}
    if asset == BALANCES:
        return {"rows_added": dg.MetadataValue.int(report.balances_added)}
    return {
        "raw_records_landed": dg.MetadataValue.int(run.raw_landed),
        "requests": dg.MetadataValue.int(run.requests),
    }


def _oddities(report: ConnectionReport) -> dict[str, dg.MetadataValue]:
    counts = {"amended": report.run.amended, "quarantined": report.run.quarantined}
    return {name: dg.MetadataValue.int(count) for name, count in counts.items() if count}


def actions(standing: Iterable[Attention], now: datetime) -> list[Attention]:
    """Those that somebody must act on."""
    return [item for item in standing if item.level(now) is Level.ACTION]


def sentence(report: ConnectionReport) -> str:
    """What happened to one connection, in one line for the run's log."""
    run = report.run
    if run.outcome is Outcome.FAILED:
        return f"{report.connection}: failed: {trouble(report.connection, run.reason, run.detail)}"
    if run.outcome is Outcome.LEASE_LOST:
        return f"{report.connection}: another worker took over; what was fetched here is fetched again"
    cured = f"; cured: {in_words(run.cured)}" if run.cured else ""
    if run.outcome is Outcome.CONTINUES:
        return f"{report.connection}: importing, {_added(report)} so far; goes on by itself{cured}"
    return f"{report.connection}: added {_added(report)} with {_count(run.requests, 'request')}{cured}"


def without_success(connections: Sequence[ConnectionId], reports: Iterable[ConnectionReport]) -> list[str]:
    """A sentence for each connection that was to be synced and wasn't: it failed, or somebody else was syncing it."""
    by_connection = {report.connection: report for report in reports}
    left_out = "was left out: it is disconnected, or another sync of it is running"
    return [
        sentence(by_connection[connection]) if connection in by_connection else f"{connection} {left_out}"
        for connection in connections
        if connection not in by_connection or not by_connection[connection].succeeded
    ]


def trouble(connection: ConnectionId, reason: str, detail: str) -> str:
    """A reason with title, detail and remedy; a reason that no table knows stands for itself."""
    if reason not in set(Reason):
        return reason or "for a reason that was not recorded"
    known = Reason(reason)
    extra = f" ({detail})" if detail else ""
    remedy = remedy_for(known, connection.rsplit("-", 1)[0], connection)
    return f"{MEANING[known].title}{extra}. {remedy}"


def _added(report: ConnectionReport) -> str:
    run = report.run
    counts = {
        "trade": run.trades_added,
        "movement": run.movements_added,
        "balance": report.balances_added,
        "amendment": run.amended,
        "quarantined record": run.quarantined,
    }
    return ", ".join(_count(count, noun) for noun, count in counts.items() if count) or "nothing"


# The dashboard


def dashboard_metadata(dashboard: Dashboard) -> Metadata:
    """Totals as numbers, and a table of those that need someone."""
    totals = {name: dg.MetadataValue.int(count) for name, count in dashboard.totals.items()}
    imports = importing(dashboard.views)
    return {
        "needs_someone": dg.MetadataValue.md(needing_someone(dashboard.views, dashboard.at)),
        **({} if imports is None else {"first_imports": imports}),
        **totals,
    }


def importing(views: Sequence[ConnectionView]) -> dg.TableMetadataValue | None:
    """First imports under way and how far each was; None where there is none."""
    records = [
        dg.TableRecord({"connection": view.connection.id, "progress": f"{view.progress_text}; {view.landed} landed"})
        for view in views
        if view.progress is not None
    ]
    return _table(("connection", "progress"), records[:SHOWN_ROWS]) if records else None


def needing_someone(views: Sequence[ConnectionView], now: datetime) -> str:
    """Markdown: a row for every connection that somebody must act on, linked to its partition.

    Two columns: the page leaves so little width that a third makes a row of nine lines out of one of five.
    """
    rows = [(view, found) for view in views if _is_live(view) and (found := actions(view.attention, now))]
    if not rows:
        return f"**Nobody needs to act.** {_count(sum(map(_is_live, views)), 'connection')} looked at."
    lines = [
        "| Connection | What is the matter, and what to do |",
        "|---|---|",
        *(_needing_row(view.connection.id, found) for view, found in rows[:SHOWN_ROWS]),
    ]
    if len(rows) > SHOWN_ROWS:
        lines.append(f"\nand {len(rows) - SHOWN_ROWS} more: `metrifly connections` lists them all.")
    lines.append(f"\n{_count(sum(map(_is_live, views)) - len(rows), 'other connection')} that nobody needs to act on.")
    return "\n".join(lines)


def _needing_row(connection: ConnectionId, found: Sequence[Attention]) -> str:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    link = f"[{connection}](/assets/{TRADES}?view=partitions&partition={connection})"
    return f"| {link} | ✖ act: {_cell(first.title)}{more}. {_cell(first.remedy)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _is_live(view: ConnectionView) -> bool:
    return view.connection.disconnected_at is None


def verdict_result(asset: str, verdict: FamilyVerdict) -> dg.AssetCheckResult:
    """One check of the dashboard: ERROR where somebody must act, WARN where data are limited, with its small table."""
    items = [*verdict.action, *verdict.notice, *verdict.acknowledged]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=verdict.family.value,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if verdict.action else dg.AssetCheckSeverity.WARN,
        description=_verdict_text(verdict),
        metadata={"connections": attention_table(items)} if items else {},
    )


def _verdict_text(verdict: FamilyVerdict) -> str:
    known = f"{_count(_connections(verdict.acknowledged), 'connection')} with acknowledged notices"
    if verdict.passed:
        return f"Only {known}." if verdict.acknowledged else "Nothing stands on any connection."
    parts = []
    if verdict.action:
        parts.append(f"{_count(_connections(verdict.action), 'connection')} where somebody must act")
    if verdict.notice:
        parts.append(f"{_count(_connections(verdict.notice), 'connection')} with limited data")
    if verdict.acknowledged:
        parts.append(known)
    return f"{', '.join(parts)}."


def _connections(items: Iterable[Attention]) -> int:
    return len({item.connection for item in items})


def attention_table(items: Sequence[Attention]) -> dg.TableMetadataValue:
    """Connection, what is the matter and what the exchange's facts add; the gravest first. A note is a person's words."""
    records = []
    for item in items[:SHOWN_ROWS]:
        known = f"Acknowledged on {item.acknowledged.at:%Y-%m-%d}: " if item.acknowledged else ""
        row = {"connection": item.connection, "matter": known + item.title, "detail": item.detail}
        records.append(dg.TableRecord(row))
    return _table(("connection", "matter", "detail"), records)


# The warehouse


def span_metadata(views: Sequence[ConnectionView]) -> dict[str, dg.MetadataValue]:
    """The span of time that all trades together cover; empty without any."""
    firsts = [view.first_trade_at for view in views if view.first_trade_at is not None]
    lasts = [view.last_trade_at for view in views if view.last_trade_at is not None]
    if not firsts or not lasts:
        return {}
    return {
        "first_trade_at": dg.MetadataValue.timestamp(min(firsts)),
        "last_trade_at": dg.MetadataValue.timestamp(max(lasts)),
    }


def reconciliation_metadata(wrong: Sequence[ReconciliationRow], compared: int) -> dict[str, dg.MetadataValue]:
    """Only what differs, exactly; or one line that says that nothing does."""
    counts: dict[str, dg.MetadataValue] = {
        "assets_compared": dg.MetadataValue.int(compared),
        "assets_differing": dg.MetadataValue.int(len(wrong)),
    }
    if not wrong:
        counts["difference"] = dg.MetadataValue.text(f"0 for all {_count(compared, 'asset')}")
        return counts
    records = [
        dg.TableRecord({"connection": row.connection, "asset": row.asset, "difference": f"{row.difference:+f}"})
        for row in wrong[:SHOWN_ROWS]
    ]
    counts["difference"] = _table(("connection", "asset", "difference"), records)
    return counts


def view_rows(views: Sequence[ConnectionView]) -> dict[str, int]:
    """Rows of the big tables, which the file shows as views: they were counted for the listing already."""
    return {TRADES: sum(view.trades for view in views), MOVEMENTS: sum(view.movements for view in views)}


def warehouse_metadata(path: str, rows: Mapping[str, int], change_seq: int) -> dict[str, dg.MetadataValue]:
    """Where the analyst's file lies, what is in it, and up to which change."""
    records = [dg.TableRecord({"table": name, "rows": count}) for name, count in sorted(rows.items())]
    return {
        "path": dg.MetadataValue.path(path),
        "tables": _table(("table", "rows"), records),
        "change_seq": dg.MetadataValue.int(change_seq),
    }


def _table(names: Sequence[str], records: Sequence[dg.TableRecord]) -> dg.TableMetadataValue:
    kinds = {name: "int" if name == "rows" else "string" for name in names}
    schema = dg.TableSchema(columns=[dg.TableColumn(name, kinds[name]) for name in names])
    return dg.MetadataValue.table(records=records, schema=schema)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
