"""A small product for the Dagster room: services that report what a test says, and remember what they were asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace

from metrifly_pipeline.assets.portfolio_assets import COLUMNS, TRANSACTIONS
from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import MaintenanceOutcome
from metrifly_pipeline.domain.reasons import Family, Reason
from metrifly_pipeline.domain.status import Connection, SyncKind
from metrifly_pipeline.domain.trouble import NotFoundError
from metrifly_pipeline.services.reports import ConnectionReport, ConnectionView, Dashboard, FamilyVerdict, PublishReport
from metrifly_pipeline.services.requesting import Batch
from tests.dagster.builders import NOW, a_connection, a_publish


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
    died: set[int] = field(default_factory=set)
    requeued: list[int] = field(default_factory=list)

    def connections(self) -> list[Connection]:
        return self.known

    def landed_connections(self) -> list[ConnectionId]:
        return [each.id for each in self.known if each.landed]

    def batch(self, number: int) -> tuple[SyncKind, list[ConnectionId]]:
        if number not in self.made:
            raise NotFoundError(f"There is no batch {number}")
        return self.made[number]

    def unanswered_batches(self) -> dict[int, datetime]:
        return dict(self.unanswered)

    def batch_died(self, batch: int, now: datetime) -> bool:
        assert now == NOW
        return batch in self.died

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
    tidied: MaintenanceOutcome | None = None
    now: datetime = NOW

    def knows(self, *names: str, landed: bool = True) -> None:
        self.control.known += [a_connection(name, landed=landed) for name in names]

    def batch(self, number: int, *names: str, kind: SyncKind = SyncKind.SYNC_NOW) -> int:
        self.control.made[number] = (kind, [ConnectionId(name) for name in names])
        return number

    @property
    def clock(self) -> Callable[[], datetime]:
        return lambda: self.now

    @property
    def settings(self) -> SimpleNamespace:
        return SimpleNamespace(shard_size=2, runs_kept_days=30)

    @property
    def requesting(self) -> SimpleNamespace:
        return SimpleNamespace(batches=self._batches, daily_batches=self._daily, is_idle=self._is_idle)

    @property
    def publishing(self) -> SimpleNamespace:
        return SimpleNamespace(publish=self._publish)

    @property
    def maintaining(self) -> SimpleNamespace:
        return SimpleNamespace(maintain_when_due=lambda _forget: self.tidied)

    @property
    def listing(self) -> SimpleNamespace:
        return SimpleNamespace(dashboard=a_dashboard)

    @property
    def lake(self) -> SimpleNamespace:
        rows = [("positions", "asset", "VARCHAR", "The asset."), ("positions", "amount", "DECIMAL(38,18)", None)]
        answers = {COLUMNS: rows, TRANSACTIONS: [(9,)]}
        return SimpleNamespace(query=lambda sql: ((), answers[sql]))

    def _is_idle(self) -> bool:
        return not (self.waiting or self.control.unanswered or self.control.died)

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
            notice=tuple(m for m in matters if _limits(m, family, families) and m.acknowledged is None),
            acknowledged=tuple(m for m in matters if _limits(m, family, families) and m.acknowledged is not None),
        )
        for family in Family
    )
    return Dashboard(views=tuple(views), verdicts=verdicts, totals={"connections": len(views)}, at=NOW)


def _limits(matter: Attention, family: Family, families: Mapping[Reason, Family]) -> bool:
    return families[matter.reason] is family and matter.reason is Reason.BALANCE_MISMATCH
