"""What listings show of connections: one source for CLI, warehouse and Dagster."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, PortfolioId
from metrifly_pipeline.domain.lake_rows import ConnectionCounts
from metrifly_pipeline.domain.ports import Clock, ControlStore, Lake
from metrifly_pipeline.domain.reasons import MEANING, Family, Level
from metrifly_pipeline.domain.status import Connection, Status
from metrifly_pipeline.domain.status_rules import connection_status, staleness
from metrifly_pipeline.services.reports import ConnectionView, Dashboard, FamilyVerdict


class Listing:
    """Reads control database and lake; changes nothing."""

    def __init__(self, control: ControlStore, lake: Lake, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._lake = lake
        self._clock = clock

    def views(
        self, account: AccountId | None = None, counts: Mapping[ConnectionId, ConnectionCounts] | None = None
    ) -> tuple[ConnectionView, ...]:
        """Every connection with status, attention and what landed; `counts` saves counting again."""
        counted = self._lake.counts() if counts is None else counts
        names = {portfolio.id: portfolio.name for portfolio in self._control.portfolios(account)}
        standing = _by_connection(self._control.attention())
        running = self._control.leased(self._clock())
        streams = self._streams()
        return tuple(
            self._view(connection, names, standing, running, streams, counted)
            for connection in self._control.connections(account)
        )

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

    def _streams(self) -> Mapping[ConnectionId, list[tuple[str, str]]]:
        found: dict[ConnectionId, list[tuple[str, str]]] = defaultdict(list)
        for state in self._control.stream_states():
            words = "ok" if state.permitted else "not permitted"
            if state.permitted and state.last_success_at is None:
                words = f"{state.done} of {state.planned}" if state.planned else "waiting"
            found[state.connection].append((state.stream, words))
        return found

    def _view(
        self,
        connection: Connection,
        names: Mapping[PortfolioId, str],
        standing: Mapping[ConnectionId, tuple[Attention, ...]],
        running: set[ConnectionId],
        streams: Mapping[ConnectionId, list[tuple[str, str]]],
        counts: Mapping[ConnectionId, ConnectionCounts],
    ) -> ConnectionView:
        now = self._clock()
        attention = _with_stale(connection, standing.get(connection.id, ()), now)
        counted = counts.get(connection.id, ConnectionCounts(connection=connection.id))
        return ConnectionView(
            connection=connection,
            portfolio_name=names.get(connection.portfolio, ""),
            status=connection_status(connection, attention, running=connection.id in running, now=now),
            attention=attention,
            trades=counted.trades,
            movements=counted.movements,
            first_trade_at=counted.first_trade_at,
            last_trade_at=counted.last_trade_at,
            streams=tuple(streams.get(connection.id, ())),
        )


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
