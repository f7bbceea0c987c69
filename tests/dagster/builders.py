"""What a test says happened: connections, reports of syncs, matters that need someone, publishes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.lake_rows import PublishOutcome, ReconciliationRow
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Connection, Outcome, Status, SyncKind, SyncRun
from metrifly_pipeline.services.reports import ConnectionReport, ConnectionView, PublishReport

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_connection(name: str, *, landed: bool = True) -> Connection:
    return Connection(
        id=ConnectionId(name),
        account=AccountId("default"),
        portfolio=PortfolioId("pf-aaaaaaaa"),
        exchange=name.rsplit("-", 1)[0],
        label="Grandma's savings",
        base_url=None,
        identity=None,
        app_id="0" * 32,
        created_at=NOW,
        landed=landed,
    )


def a_report(
    name: str,
    outcome: Outcome = Outcome.ADDED,
    *,
    standing: Sequence[Attention] = (),
    changed: bool | None = None,
    balances: int = 0,
    new_partition: bool = False,
    **counts: Any,
) -> ConnectionReport:
    """What a sync did: by default it added three trades."""
    if outcome is Outcome.ADDED and not counts and not balances:
        counts = {"raw_landed": 3, "trades_added": 3, "last_trade_at": NOW}
    if standing and outcome is Outcome.FAILED:
        counts |= {"reason": standing[0].reason.value}
    run = SyncRun(
        id=1, connection=ConnectionId(name), kind=SyncKind.SYNC_NOW, started_at=NOW, outcome=outcome, **counts
    )
    return ConnectionReport(
        connection=ConnectionId(name),
        run=run,
        changed=outcome is not Outcome.NOTHING_NEW if changed is None else changed,
        new_partition=new_partition,
        balances_added=balances,
        standing=tuple(standing),
    )


def an_idle_report(name: str) -> ConnectionReport:
    return a_report(name, Outcome.NOTHING_NEW)


def a_matter(name: str, reason: Reason = Reason.KEY_INVALID, *, detail: str = "") -> Attention:
    return Attention(connection=ConnectionId(name), reason=reason, since=NOW - timedelta(days=9), detail=detail)


def a_refused_report(name: str, *, changed: bool = True) -> ConnectionReport:
    return a_report(name, Outcome.FAILED, standing=[a_matter(name)], changed=changed)


def a_view(name: str, *matters: Attention, disconnected: bool = False) -> ConnectionView:
    return ConnectionView(
        connection=a_connection(name) if not disconnected else _disconnected(name),
        portfolio_name="Grandma's savings",
        status=Status.NEEDS_ATTENTION if matters else Status.UP_TO_DATE,
        attention=matters,
        trades=3,
        movements=1,
        first_trade_at=NOW - timedelta(days=400),
        last_trade_at=NOW,
    )


def _disconnected(name: str) -> Connection:
    known = a_connection(name)
    return Connection(**{field_: getattr(known, field_) for field_ in known.__slots__} | {"disconnected_at": NOW})


def a_publish(*views: ConnectionView, published: bool = True, wrong: Sequence[tuple[str, str]] = ()) -> PublishReport:
    rows = [
        ReconciliationRow(
            connection=ConnectionId("kraken-aaaaaaaa"),
            asset=asset,
            reported=Decimal(difference),
            ledger=Decimal(0),
            difference=Decimal(difference),
            asked_at=NOW,
        )
        for asset, difference in [("BTC", "0"), ("EUR", "0"), *wrong]
    ]
    tables = {"positions": 2, "reconciliation": len(rows), "connections": 1}
    outcome = PublishOutcome(published=published, path="metrifly.duckdb", rows=tables)
    differences = [row for row in rows if row.difference]
    return PublishReport(outcome=outcome, change_seq=5, differences=differences, views=views)
