"""What the Delta tables add up to, asked directly: reconciliation, counts and seen codes."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import duckdb
import pyarrow as pa

from metrifly_pipeline.domain.entry_rows import EntryRow
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import ConnectionCounts, ReconciliationRow, Room
from metrifly_pipeline.domain.lookalikes import Lookalike, Sought
from metrifly_pipeline.lake.building import NO_SUMS
from metrifly_pipeline.lake.engine import Engine, script
from metrifly_pipeline.lake.entries import ENTRIES, entries_table
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import (
    AMOUNT,
    BALANCES,
    MOMENT,
    MOVEMENTS,
    QUARANTINE,
    RAW_RECORDS,
    REFERENCE,
    TEXT,
    TRADES,
    WHOLE,
    TableShape,
    listed,
)

_LEDGER_TABLES = (TRADES, MOVEMENTS, BALANCES)
_SEEN_CODES = """
SELECT fee_code FROM _trades WHERE fee_code IS NOT NULL
UNION SELECT asset_code FROM _movements UNION SELECT asset_code FROM _balances
"""
_MOVED_CODES = "SELECT asset_code FROM _movements WHERE seq > $1 UNION SELECT asset_code FROM _balances WHERE seq > $1"
_SNAPSHOTS = """
CREATE OR REPLACE TEMP VIEW _snapshots AS
SELECT connection_id, fetched_at FROM _raw_records WHERE stream = 'balances'
"""
_DIFFERING = "SELECT * FROM ({}) WHERE difference <> 0"
_SOUGHT = pa.schema(
    {"number": WHOLE, "asset": TEXT, "amount": AMOUNT, "earliest": MOMENT, "latest": MOMENT},
)
_KNOWN = pa.schema([pa.field("exchange", TEXT), pa.field("code", TEXT), pa.field("asset", TEXT)])


class Ledger:
    """Asks the newest version of each table; not for several threads at once."""

    def __init__(self, tables: TableSet, engine: Engine, rooms: Mapping[str, Room]) -> None:
        self._tables = tables
        self._engine = engine
        self._sums: tuple[tuple[int, int], pa.Table] | None = None
        self._counts: tuple[tuple[int, ...], dict[ConnectionId, ConnectionCounts]] | None = None
        self._rooms = rooms

    @cached_property
    def _known(self) -> pa.Table:
        """The codes that aliases name; thousands, so they are put together where they are asked for."""
        known = [(room.exchange, alias.code, alias.asset) for room in self._rooms.values() for alias in room.aliases]
        return pa.table([list(column) for column in zip(*known, strict=True)] or [[], [], []], schema=_KNOWN)

    def sums(self) -> pa.Table:
        """What the exchanges' legs add up to, by connection and asset, at the versions that the handles show."""
        versions = (self._tables.stored(TRADES.name).version, self._tables.stored(MOVEMENTS.name).version)
        if self._sums is None or self._sums[0] != versions:
            self._show((TRADES, MOVEMENTS, BALANCES), None)
            self._engine.define("views_ledger")
            self._sums = (versions, self._add_up())
        return self._sums[1]

    def reconcile(
        self,
        connections: Sequence[ConnectionId] | None = None,
        entries: Sequence[EntryRow] = (),
        *,
        only_differing: bool = False,
    ) -> list[ReconciliationRow]:
        """Reported minus ledger, per connection and asset that either knows; a sum too large for a decimal is left out."""
        self._tables.reload((*(shape.name for shape in _LEDGER_TABLES), RAW_RECORDS.name))
        self._engine.load("_sums", self.sums())
        self._engine.load(ENTRIES, entries_table(entries))
        self._show((BALANCES, RAW_RECORDS), connections)
        self._show((TRADES, MOVEMENTS), None)
        self._engine.define("views_ledger")
        self._engine.run(_SNAPSHOTS)
        wanted = None if connections is None else set(connections)
        compared = script("reconciliation")
        return [
            ReconciliationRow(
                connection=ConnectionId(connection),
                asset=asset,
                reported=reported,
                ledger=ledger,
                difference=difference,
                asked_at=asked_at,
            )
            for connection, asset, reported, ledger, difference, asked_at in self._engine.rows(
                _DIFFERING.format(compared) if only_differing else compared
            )
            if difference is not None and (wanted is None or connection in wanted)
        ]

    def _add_up(self) -> pa.Table:
        # Fetched as rows: to ask for Arrow plans a statement twice, and this one's plan costs more than its few sums.
        try:
            rows = self._engine.rows(script("sums"))
        except duckdb.OutOfRangeException:
            rows = self._engine.rows(script("sums_wide"))
        return pa.table([list(column) for column in zip(*rows, strict=True)] or [[], [], []], schema=NO_SUMS.schema)

    def lookalikes(self, sought: Sequence[Sought], among: Sequence[ConnectionId]) -> list[Lookalike]:
        """Newest versions of these connections' trades and movements that say what is sought."""
        self._tables.reload((TRADES.name, MOVEMENTS.name))
        self._show((TRADES, MOVEMENTS), among)
        rows = [[getattr(each, field.name) for each in sought] for field in _SOUGHT]
        self._engine.load("sought", pa.table(rows, schema=_SOUGHT))
        return [
            Lookalike(number=number, connection=ConnectionId(connection), kind=kind, record=record, occurred_at=at)
            for number, connection, kind, record, at in self._engine.rows(script("lookalikes"))
        ]

    def counts(self) -> dict[ConnectionId, ConnectionCounts]:
        """Trades, movements, amendments and quarantined records, unknown codes and the span of the trades, by connection."""
        shapes = (*_LEDGER_TABLES, QUARANTINE, REFERENCE)
        self._tables.reload(shape.name for shape in shapes)
        versions = tuple(self._tables.stored(shape.name).version for shape in shapes)
        if self._counts is None or self._counts[0] != versions:
            self._counts = (versions, self._count(shapes))
        return dict(self._counts[1])

    def _count(self, shapes: Iterable[TableShape]) -> dict[ConnectionId, ConnectionCounts]:
        self._show(shapes, None)
        self._engine.load("known_codes", self._known)
        self._engine.run(script("unknown_codes"))
        counted = [
            ConnectionCounts(
                connection=ConnectionId(connection),
                trades=trades,
                movements=movements,
                quarantined=quarantined,
                amended=amended,
                unknown_assets=tuple(unknown),
                first_trade_at=first,
                last_trade_at=last,
            )
            for connection, trades, movements, quarantined, amended, unknown, first, last in self._engine.rows(
                script("counts")
            )
        ]
        return {each.connection: each for each in counted}

    def seen_asset_codes(self, connection: ConnectionId) -> set[str]:
        """The exchange's own codes in this connection's balances, movements and trade fees."""
        self._tables.reload(shape.name for shape in _LEDGER_TABLES)
        self._show(_LEDGER_TABLES, [connection])
        return {code for (code,) in self._engine.rows(_SEEN_CODES)}

    def moved_asset_codes(self, connection: ConnectionId, after_seq: int) -> set[str]:
        """The exchange's own codes in this connection's balances and movements with a number above `after_seq`."""
        self._tables.reload((MOVEMENTS.name, BALANCES.name))
        self._show((MOVEMENTS, BALANCES), [connection])
        return {code for (code,) in self._engine.rows(_MOVED_CODES, [after_seq])}

    def _show(self, shapes: Iterable[TableShape], connections: Sequence[ConnectionId] | None) -> None:
        """Make `_trades` and the like of the versions that the handles show, of all connections for None."""
        for shape in shapes:
            name = f"_{shape.name}"
            table = self._tables.stored(shape.name)
            paths = [file.path for file in table.files()] if connections is None else table.files_of(connections)
            self._engine.view_files(f"{name}_files", paths, shape.empty_select())
            condition = "true" if connections is None else f"connection_id IN ({listed(connections)})"
            self._engine.run(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_files WHERE {condition}")
