"""What listings show of connections: one source for CLI, warehouse and Dagster."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.estimating import Progress, StreamStatus
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.lake_rows import ConnectionCounts
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake
from metrifly_pipeline.domain.reasons import MEANING, Family, Level
from metrifly_pipeline.domain.status import Connection, Status, StreamState
from metrifly_pipeline.domain.status_rules import connection_status, staleness
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.services.estimating import Estimating, ImportProgress
from metrifly_pipeline.services.reports import ConnectionView, Dashboard, FamilyVerdict, StreamView


class Listing:
    """Reads control database and lake; changes nothing."""

    def __init__(self, control: ControlStore, lake: Lake, estimating: Estimating, clock: Clock) -> None:
        """Join the ports."""
        self._estimating = estimating
        self._control = control
        self._lake = lake
        self._clock = clock

    def views(
        self, account: AccountId | None = None, counts: Mapping[ConnectionId, ConnectionCounts] | None = None
    ) -> tuple[ConnectionView, ...]:
        """Every connection with status, attention and what landed; `counts` saves counting again."""
        counted = self._lake.counts() if counts is None else counts
        connections = self._control.connections(account)
        facts = _Facts(
            names={portfolio.id: portfolio.name for portfolio in self._control.portfolios(account)},
            standing=_by_connection(self._control.attention()),
            running=self._control.leased(self._clock()),
            streams=self._streams(),
            importing=self._estimating.importing(connections if account is None else None),
        )
        return tuple(self._view(connection, facts, counted) for connection in connections)

    def view(self, connection: ConnectionId) -> ConnectionView:
        """One connection."""
        found = self._control.connection(connection)
        return next(view for view in self.views(found.account) if view.connection.id == connection)

    def standing(self, connection: ConnectionId) -> tuple[Attention, ...]:
        """What stands on one connection, the derived `stale` too; nothing is counted."""
        return _with_stale(self._control.connection(connection), self._control.attention(connection), self._clock())

    def dashboard(self, views: Sequence[ConnectionView]) -> Dashboard:
        """Verdicts by family of reasons, and totals, over `views`."""
        now = self._clock()
        live = [view for view in views if view.connection.disconnected_at is None]
        verdicts = tuple(_verdict(family, live, now) for family in Family)
        totals = {
            "connections": len(live),
            "up_to_date": sum(view.status is Status.UP_TO_DATE for view in live),
            "need_attention": sum(view.status is Status.NEEDS_ATTENTION for view in live),
            "delayed": sum(view.status is Status.DELAYED for view in live),
            "importing": sum(view.status is Status.IMPORTING for view in live),
            "trades": sum(view.trades for view in views),
            "movements": sum(view.movements for view in views),
        }
        return Dashboard(views=tuple(views), verdicts=verdicts, totals=totals, at=now)

    def _streams(self) -> Mapping[ConnectionId, list[StreamState]]:
        found: dict[ConnectionId, list[StreamState]] = defaultdict(list)
        for state in self._control.stream_states():
            found[state.connection].append(state)
        return found

    def _view(
        self, connection: Connection, facts: "_Facts", counts: Mapping[ConnectionId, ConnectionCounts]
    ) -> ConnectionView:
        now = self._clock()
        attention = _with_stale(connection, facts.standing.get(connection.id, ()), now)
        counted = counts.get(connection.id, ConnectionCounts(connection=connection.id))
        status = connection_status(connection, attention, running=connection.id in facts.running, now=now)
        progress = self._estimating.progress(connection, facts.importing)
        return ConnectionView(
            connection=connection,
            portfolio_name=facts.names.get(connection.portfolio, ""),
            status=status,
            attention=attention,
            trades=counted.trades,
            movements=counted.movements,
            first_trade_at=counted.first_trade_at,
            last_trade_at=counted.last_trade_at,
            streams=_stream_views(facts.streams.get(connection.id, ()), progress, status),
            progress=None if progress is None else _as_it_moves(progress.whole, status),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What all connections of a listing are looked up in."""

    names: Mapping[PortfolioId, str]
    standing: Mapping[ConnectionId, tuple[Attention, ...]]
    running: set[ConnectionId]
    streams: Mapping[ConnectionId, Sequence[StreamState]]
    importing: Counter[str]


def _stream_views(
    states: Sequence[StreamState], progress: ImportProgress | None, status: Status
) -> tuple[StreamView, ...]:
    """Streams as the control database knows them, those of an import with how far they are."""
    # The list of markets is ours to know, no stream of a person's activity.
    states = [state for state in states if state.stream != Stream.REFERENCE]
    permitted = {state.stream: state.permitted for state in states}
    succeeded = {state.stream: state.last_success_at for state in states}
    found = []
    for stream in dict.fromkeys((*permitted, *(progress.streams if progress else ()))):
        last = succeeded.get(stream)
        state, how_far = StreamStatus.WAITING if last is None else StreamStatus.UP_TO_DATE, Progress()
        if not permitted.get(stream, True):
            state = StreamStatus.NOT_PERMITTED
        elif progress is not None and stream in progress.streams:
            state, how_far = progress.streams[stream]
        shown = _as_it_moves(how_far, status) if state is StreamStatus.IMPORTING else Progress()
        state = _under(state, status)
        found.append(StreamView(stream=stream, status=state, last_success_at=last, progress=shown))
    return tuple(sorted(found, key=lambda view: view.stream))


_STOPPED = frozenset({Status.DISCONNECTED, Status.NEEDS_ATTENTION, Status.DELAYED})


def _under(state: StreamStatus, status: Status) -> StreamStatus:
    """What a stream is doing while its connection does this: where all stands still, no stream is up to date."""
    stands = status in _STOPPED and state is not StreamStatus.NOT_PERMITTED
    is_read_again = status is Status.SYNCING and state is StreamStatus.UP_TO_DATE
    return StreamStatus(status.value) if stands or is_read_again else state


def _as_it_moves(progress: Progress, status: Status) -> Progress:
    """Without a time left where the import stands still."""
    return progress if status is Status.IMPORTING else replace(progress, left=None)


def _with_stale(connection: Connection, attention: Sequence[Attention], now: datetime) -> tuple[Attention, ...]:
    stale = staleness(connection, attention, now)
    return (*attention, *([] if stale is None else [stale]))


def _by_connection(items: Sequence[Attention]) -> Mapping[ConnectionId, tuple[Attention, ...]]:
    grouped: dict[ConnectionId, tuple[Attention, ...]] = {}
    for item in items:
        grouped[item.connection] = (*grouped.get(item.connection, ()), item)
    return grouped


def _verdict(family: Family, views: Sequence[ConnectionView], now: datetime) -> FamilyVerdict:
    items = [item for view in views for item in view.attention if MEANING[item.reason].family is family]
    notices = [item for item in items if item.level(now) is Level.NOTICE]
    return FamilyVerdict(
        family=family,
        action=tuple(item for item in items if item.level(now) is Level.ACTION),
        notice=tuple(item for item in notices if item.acknowledged is None),
        acknowledged=tuple(item for item in notices if item.acknowledged is not None),
    )
