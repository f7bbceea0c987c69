"""Counts what normalising did, by connection."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import NormalizeOutcome
from metrifly_pipeline.lake.batches import Batch
from metrifly_pipeline.lake.tables import BALANCES, BOOKED, MOVEMENTS, TRADES
from metrifly_pipeline.lake.targets import Target

_ADDED = {TRADES.name: "trades_added", MOVEMENTS.name: "movements_added", BALANCES.name: "balances_added"}

_LOOKED_AT = ("connection_id", "version", "kind", "executed_at")
"""To filter all columns would copy every row."""


class Tally:
    """What has been committed so far, and which connections were lost on the way."""

    def __init__(self, connections: Iterable[ConnectionId]) -> None:
        self.lost: set[ConnectionId] = set()
        self._counts: dict[str, dict[str, int]] = {each: {} for each in connections}
        self._unknown: dict[str, set[str]] = {each: set() for each in self._counts}
        self._spans: dict[str, tuple[datetime, datetime]] = {}

    def count(self, target: Target, batch: Batch) -> None:
        """Add what one commit did; a rebuild adds only what did not stand there before."""
        rows = batch.rows.select([name for name in _LOOKED_AT if name in batch.rows.column_names])
        if target.shape is MOVEMENTS:
            rows = rows.filter(pc.invert(pc.is_in(rows["kind"], pa.array(BOOKED))))
        firsts = rows.filter(pc.equal(rows["version"], 1)) if target.key else rows
        for connection, number in _by_connection(firsts).items():
            self._add(connection, _ADDED[target.name], number - batch.replaced.get(connection, (0, 0))[0])
        for connection, number in _by_connection(rows).items():
            later = number - _by_connection(firsts).get(connection, 0)
            self._add(connection, "amended", later - batch.replaced.get(connection, (0, 0))[1])
        for connection, number in _by_connection(batch.failed).items():
            self._add(connection, "quarantined", number)
        for connection, code in batch.unknown:
            self._unknown[connection].add(code)
        if target.shape is TRADES:
            self._widen(rows)

    def outcomes(self) -> Mapping[ConnectionId, NormalizeOutcome]:
        """What was done for each connection."""
        return {ConnectionId(connection): self._outcome(ConnectionId(connection)) for connection in self._counts}

    def _outcome(self, connection: ConnectionId) -> NormalizeOutcome:
        span: tuple[Any, Any] = self._spans.get(connection, (None, None))
        return NormalizeOutcome(
            connection=connection,
            unknown_assets=tuple(sorted(self._unknown[connection])),
            first_trade_at=span[0],
            last_trade_at=span[1],
            lease_lost=connection in self.lost,
            **self._counts[connection],
        )

    def _add(self, connection: str, what: str, number: int) -> None:
        counts = self._counts[connection]
        counts[what] = counts.get(what, 0) + max(number, 0)

    def _widen(self, trades: pa.Table) -> None:
        spans = trades.group_by("connection_id").aggregate([("executed_at", "min"), ("executed_at", "max")])
        for row in spans.to_pylist():
            first, last = row["executed_at_min"], row["executed_at_max"]
            known = self._spans.get(row["connection_id"], (first, last))
            self._spans[row["connection_id"]] = (min(first, known[0]), max(last, known[1]))


def _by_connection(rows: pa.Table) -> dict[str, int]:
    counts = rows.group_by("connection_id").aggregate([([], "count_all")]).to_pylist()
    return {row["connection_id"]: row["count_all"] for row in counts}
