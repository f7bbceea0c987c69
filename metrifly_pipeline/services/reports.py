"""What services tell their callers (CLI, assets): plain values, no handles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.estimating import Progress, StreamStatus
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import PublishOutcome, ReconciliationRow
from metrifly_pipeline.domain.reasons import Family, Level
from metrifly_pipeline.domain.status import Connection, Outcome, Status, SyncRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    """What one sync did for one connection."""

    connection: ConnectionId
    run: SyncRun
    changed: bool
    """Whether a reader would see a difference (rows, status or attention)."""
    new_partition: bool
    """Whether this was its first landing."""
    balances_added: int
    standing: tuple[Attention, ...]
    requests: Mapping[str, int] = field(default_factory=dict)
    """Requests sent, by endpoint."""

    @property
    def succeeded(self) -> bool:
        """Whether the connection's records are in and typed (an unfinished first import counts)."""
        return self.run.outcome in {Outcome.ADDED, Outcome.NOTHING_NEW, Outcome.CONTINUES}


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionLine:
    """One line of a test: what was checked, how it stands, and what to do."""

    name: str
    ok: bool | None
    """None: the exchange does not tell."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamView:
    """One stream of one connection as listings show it."""

    stream: str
    status: StreamStatus
    last_success_at: datetime | None
    progress: Progress = field(default_factory=Progress)
    """Of a first import; nothing where it is not under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """One connection as listings show it: CLI, warehouse and Dagster read the same."""

    connection: Connection
    portfolio_name: str
    status: Status
    attention: tuple[Attention, ...]
    trades: int
    movements: int
    first_trade_at: datetime | None
    last_trade_at: datetime | None
    streams: tuple[StreamView, ...] = ()
    progress: Progress | None = None
    """Of the first import; None where none is under way. No time is left to tell where it waits for somebody, or for a retry."""

    @property
    def is_local(self) -> bool:
        """Whether it talks to a local exchange."""
        return self.connection.base_url is not None

    @property
    def landed(self) -> str:
        """What landed, in words."""
        return f"{counted(self.trades, 'trade')} and {counted(self.movements, 'movement')}"

    @property
    def progress_text(self) -> str:
        """How far the first import is; what has landed so far where more can't be known. Empty where none is under way."""
        if self.progress is None:
            return ""
        so_far = f"{counted(self.trades + self.movements, 'record')} so far"
        return self.progress.text or (f"working, {so_far}" if self.status is Status.IMPORTING else so_far)

    def worst(self, now: datetime) -> Attention | None:
        """The attention to show first: action before notice before info; None when nothing stands that is not acknowledged."""
        order = {Level.ACTION: 0, Level.NOTICE: 1, Level.INFO: 2}
        open_ones = (item for item in self.attention if item.acknowledged is None)
        return min(open_ones, key=lambda item: order[item.level(now)], default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyVerdict:
    """One check of the dashboard: which connections break it."""

    family: Family
    action: tuple[Attention, ...]
    notice: tuple[Attention, ...]
    acknowledged: tuple[Attention, ...] = ()
    """Notices that somebody knows of: listed, but no reason to fail."""

    @property
    def passed(self) -> bool:
        """Nothing stands at level action or notice that is not acknowledged."""
        return not self.action and not self.notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """All connections at a glance."""

    views: tuple[ConnectionView, ...]
    verdicts: tuple[FamilyVerdict, ...]
    totals: Mapping[str, int]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What a publish did."""

    outcome: PublishOutcome
    change_seq: int
    differences: Sequence[ReconciliationRow]
    views: tuple[ConnectionView, ...]


def counted(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
