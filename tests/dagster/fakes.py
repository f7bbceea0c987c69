"""A small product for the Dagster room: services that report what a test says, and remember what they were asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import dagster as dg

from metrifly_pipeline.assets.connection_assets import connection_assets
from metrifly_pipeline.assets.portfolio_assets import COLUMNS, TRANSACTIONS, portfolio_assets
from metrifly_pipeline.automation import portfolios_job, sync_job
from metrifly_pipeline.domain.attention import Attention, Family, Reason
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.lake_rows import PublishOutcome, ReconciliationRow
from metrifly_pipeline.domain.status import Connection, Outcome, Status, SyncKind, SyncRun
from metrifly_pipeline.domain.trouble import NotFoundError
from metrifly_pipeline.running import QUIET
from metrifly_pipeline.services.reports import ConnectionReport, ConnectionView, Dashboard, FamilyVerdict, PublishReport
from metrifly_pipeline.services.requesting import Batch

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
    return PublishReport(outcome=outcome, change_seq=5, reconciliation=rows, views=views)


@dataclass
class FakeSyncing:
    """Reports what the test planned for each connection; what wasn't planned is left out, as a leased one is."""

    reports: dict[str, ConnectionReport] = field(default_factory=dict)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    fault: Exception | None = None

    def plan(self, *reports: ConnectionReport) -> None:
        self.reports = {report.connection: report for report in reports}

    def sync(self, connections: Sequence[str], kind: SyncKind) -> Iterator[ConnectionReport]:
        self.asked.append((f"sync {kind}", tuple(connections)))
        yield from self._planned(connections)
        if self.fault is not None:
            raise self.fault

    def normalize_only(self, connections: Sequence[str], *, rebuild: bool) -> Iterator[ConnectionReport]:
        self.asked.append(("rebuild" if rebuild else "normalize", tuple(connections)))
        yield from self._planned(connections)

    def _planned(self, connections: Sequence[str]) -> Iterator[ConnectionReport]:
        return (self.reports[name] for name in connections if name in self.reports)


@dataclass
class FakeControl:
    """Connections, batches and the publish that is due."""

    known: list[Connection] = field(default_factory=list)
    made: dict[int, tuple[SyncKind, list[ConnectionId]]] = field(default_factory=dict)
    due: tuple[int, int] | None = None
    unanswered: dict[int, datetime] = field(default_factory=dict)
    requeued: list[int] = field(default_factory=list)

    def connections(self) -> list[Connection]:
        return self.known

    def batch(self, number: int) -> tuple[SyncKind, list[ConnectionId]]:
        if number not in self.made:
            raise NotFoundError(f"There is no batch {number}")
        return self.made[number]

    def unanswered_batches(self) -> dict[int, datetime]:
        return dict(self.unanswered)

    def requeue_batch(self, batch: int) -> int:
        self.requeued.append(batch)
        del self.unanswered[batch]
        return 1

    def publish_due(self, now: datetime) -> tuple[int, int] | None:
        assert now == NOW
        return self.due


@dataclass
class FakeProduct:
    """What the assets and sensors see of the product."""

    control: FakeControl = field(default_factory=FakeControl)
    syncing: FakeSyncing = field(default_factory=FakeSyncing)
    waiting: list[Batch] = field(default_factory=list)
    due: list[Batch] = field(default_factory=list)
    report: PublishReport = field(default_factory=a_publish)
    publishes: int = 0
    shards: list[int] = field(default_factory=list)

    def knows(self, *names: str, landed: bool = True) -> None:
        self.control.known += [a_connection(name, landed=landed) for name in names]

    def batch(self, number: int, *names: str, kind: SyncKind = SyncKind.SYNC_NOW) -> int:
        self.control.made[number] = (kind, [ConnectionId(name) for name in names])
        return number

    @property
    def clock(self) -> Callable[[], datetime]:
        return lambda: NOW

    @property
    def settings(self) -> SimpleNamespace:
        return SimpleNamespace(shard_size=2)

    @property
    def requesting(self) -> SimpleNamespace:
        return SimpleNamespace(batches=self._batches, daily_batches=self._daily)

    @property
    def publishing(self) -> SimpleNamespace:
        return SimpleNamespace(publish=self._publish)

    @property
    def listing(self) -> SimpleNamespace:
        return SimpleNamespace(dashboard=a_dashboard)

    @property
    def lake(self) -> SimpleNamespace:
        rows = [("positions", "asset", "VARCHAR", "The asset."), ("positions", "amount", "DECIMAL(38,18)", None)]
        answers = {COLUMNS: rows, TRANSACTIONS: [(9,)]}
        return SimpleNamespace(query=lambda sql: ((), answers[sql]))

    def _batches(self) -> list[Batch]:
        taken, self.waiting = self.waiting, []
        return taken

    def _daily(self, shard_size: int) -> list[Batch]:
        self.shards.append(shard_size)
        return self.due

    def _publish(self) -> PublishReport:
        self.publishes += 1
        return self.report


def a_dashboard(views: Sequence[ConnectionView]) -> Dashboard:
    """The real rule stands in services.listing; here action and notice are told apart by reason."""
    matters = [matter for view in views for matter in view.attention]
    families = {Reason.KEY_INVALID: Family.CREDENTIALS_VALID, Reason.BALANCE_MISMATCH: Family.BALANCES_RECONCILE}
    verdicts = tuple(
        FamilyVerdict(
            family=family,
            action=tuple(m for m in matters if families[m.reason] is family and m.reason is Reason.KEY_INVALID),
            notice=tuple(m for m in matters if families[m.reason] is family and m.reason is Reason.BALANCE_MISMATCH),
        )
        for family in Family
    )
    return Dashboard(views=tuple(views), verdicts=verdicts, totals={"connections": len(views)}, at=NOW)


class Bench:
    """The definitions over a fake product and a Dagster instance of their own."""

    def __init__(self, instance: dg.DagsterInstance, product: Any) -> None:
        self.instance = instance
        self.product = product
        self.defs = dg.Definitions(
            assets=[connection_assets, portfolio_assets],
            jobs=[sync_job, portfolios_job],
            resources={"product": dg.ResourceDefinition(self._open)},
            executor=dg.in_process_executor,
        )

    @contextmanager
    def _open(self, _context: Any) -> Iterator[Any]:
        yield self.product

    def run_batch(
        self, number: int, *, rebuild: bool = False, tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        config = {"ops": {"sync_connections": {"config": {"batch": number, "rebuild": rebuild}}}}
        return self._run("sync", run_config=config, tags=tags)

    def run_partition(self, key: str, assets: Sequence[str] | None = None) -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey(name) for name in assets] if assets else None
        return self._run("sync", partition_key=key, asset_selection=selection)

    def run_range(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self._run("sync", tags=tags)

    def run_from_the_ui(self, key: str, asset: str) -> dg.ExecuteInProcessResult:
        """What the button on an asset's partition page launches: that asset with its check, in no job of ours."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            run_config=QUIET,
            instance=self.instance,
            raise_on_error=False,
            partition_key=key,
            asset_selection=[dg.AssetKey(asset)],
        )

    def publish(self) -> dg.ExecuteInProcessResult:
        return self._run("portfolios")

    def _run(self, job: str, **options: Any) -> dg.ExecuteInProcessResult:
        definition = self.defs.resolve_job_def(job)
        config = QUIET | options.pop("run_config", {})
        return definition.execute_in_process(run_config=config, instance=self.instance, raise_on_error=False, **options)

    # What stands in Dagster's storage

    def partitions(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions("connections"))

    def materialised(self, asset: str = "trades") -> list[str | None]:
        """Partitions of all materialisations of an asset, oldest first."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000, ascending=True).records
        return [record.partition_key for record in records]

    def evaluations(self, asset: str, check: str) -> list[dg.AssetCheckEvaluation]:
        """All evaluations of a check, oldest first."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        records = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=1000)
        found = [record.event.dagster_event.event_specific_data for record in reversed(records) if record.event]
        return [item for item in found if isinstance(item, dg.AssetCheckEvaluation)]

    def rows(self, result: dg.ExecuteInProcessResult) -> int:
        """Rows of the event log that a run wrote, whatever they are."""
        return len(self.instance.all_logs(result.run_id))

    def said(self, result: dg.ExecuteInProcessResult) -> list[str]:
        """What our own code said in a run's log."""
        return [entry.user_message for entry in self.instance.all_logs(result.run_id) if entry.dagster_event is None]


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    """What a failed step said."""
    errors = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    return "\n".join(data.description or "" for data in errors if data is not None)
