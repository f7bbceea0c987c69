"""What the Delta tables add up to, asked directly: reconciliation, counts and seen codes."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

from collections.abc import Iterable, Sequence

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import ConnectionCounts, ReconciliationRow
from metrifly_pipeline.lake.engine import Engine, script
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import (
    BALANCES,
    MOVEMENTS,
    QUARANTINE,
    RAW_RECORDS,
    TRADES,
    TableShape,
    listed,
    literal,
)

_LEDGER_TABLES = (TRADES, MOVEMENTS, BALANCES)
_COUNTS = """
WITH traded AS (
    SELECT connection_id, count(*) FILTER (version = 1) AS trades, min(executed_at) AS first, max(executed_at) AS last
    FROM _trades GROUP BY connection_id
),
moved AS (SELECT connection_id, count(*) AS movements FROM _movements WHERE version = 1 GROUP BY connection_id),
unread AS (SELECT connection_id, count(*) AS quarantined FROM _quarantine GROUP BY connection_id)
SELECT connection_id, coalesce(trades, 0), coalesce(movements, 0), coalesce(quarantined, 0), first, last
FROM traded FULL JOIN moved USING (connection_id) FULL JOIN unread USING (connection_id) ORDER BY connection_id
"""
_CODES = """
SELECT fee_code FROM _trades WHERE connection_id = {connection}
UNION SELECT asset_code FROM _movements WHERE connection_id = {connection}
UNION SELECT asset_code FROM _balances WHERE connection_id = {connection}
"""


class Ledger:
    """Asks the newest version of each table; not for several threads at once."""

    def __init__(self, tables: TableSet, engine: Engine) -> None:
        self._tables = tables
        self._engine = engine

    def reconcile(self, connections: Sequence[ConnectionId] | None = None) -> list[ReconciliationRow]:
        """Reported minus ledger, per connection and asset that either knows."""
        self._show(_LEDGER_TABLES, connections)
        self._show_snapshots(connections)
        self._engine.run(script("views_ledger"))
        return [
            ReconciliationRow(
                connection=ConnectionId(connection),
                asset=asset,
                reported=reported,
                ledger=ledger,
                difference=difference,
                asked_at=asked_at,
            )
            for connection, asset, reported, ledger, difference, asked_at in self._engine.rows(script("reconciliation"))
        ]

    def counts(self) -> dict[ConnectionId, ConnectionCounts]:
        """Trades, movements and quarantined records, and the span of the trades, by connection."""
        self._show((TRADES, MOVEMENTS, QUARANTINE), None)
        return {
            ConnectionId(connection): ConnectionCounts(
                connection=ConnectionId(connection),
                trades=trades,
                movements=movements,
                quarantined=quarantined,
                first_trade_at=first,
                last_trade_at=last,
            )
            for connection, trades, movements, quarantined, first, last in self._engine.rows(_COUNTS)
        }

    def seen_asset_codes(self, connection: ConnectionId) -> set[str]:
        """The exchange's own codes in this connection's balances, movements and trade fees."""
        self._show(_LEDGER_TABLES, [connection])
        codes = self._engine.rows(_CODES.format(connection=literal(connection)))
        return {code for (code,) in codes if code is not None}

    def _show(self, shapes: Iterable[TableShape], connections: Sequence[ConnectionId] | None) -> None:
        """Make `_trades` and the like, of all connections for None."""
        for shape in shapes:
            table = self._tables.stored(shape.name)
            table.reload()
            self._view(f"_{shape.name}", shape, connections)

    def _show_snapshots(self, connections: Sequence[ConnectionId] | None) -> None:
        self._tables.raw.reload()
        self._view("_raw_records", RAW_RECORDS, connections)
        self._engine.run(
            "CREATE OR REPLACE TEMP VIEW _snapshots AS"
            " SELECT connection_id, fetched_at FROM _raw_records WHERE stream = 'balances'"
        )

    def _view(self, name: str, shape: TableShape, connections: Sequence[ConnectionId] | None) -> None:
        table = self._tables.stored(shape.name)
        paths = [file.path for file in table.files()] if connections is None else table.files_of(connections)
        self._engine.view_files(f"{name}_files", paths, shape.empty_select())
        condition = "true" if connections is None else f"connection_id IN ({listed(connections)})"
        self._engine.run(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_files WHERE {condition}")
