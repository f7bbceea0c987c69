"""Entries recorded by hand, as the lake sees them: rows that are handed in, and the small table made of them."""

from collections.abc import Sequence

import pyarrow as pa

from metrifly_pipeline.domain.entry_rows import EntryRow
from metrifly_pipeline.lake.tables import AMOUNT, MOMENT, TEXT, WHOLE

ENTRIES = "entries"
COLUMNS = {
    "entry_id": TEXT,
    "version": WHOLE,
    "portfolio_id": TEXT,
    "connection_id": TEXT,
    "exchange": TEXT,
    "kind": TEXT,
    "role": TEXT,
    "asset": TEXT,
    "amount": AMOUNT,
    "occurred_at": MOMENT,
    "price": AMOUNT,
    "value": AMOUNT,
    "value_asset": TEXT,
    "note": TEXT,
    "recorded_at": MOMENT,
    "recorded_by": TEXT,
}
_SCHEMA = pa.schema([pa.field(name, kind) for name, kind in COLUMNS.items()])


def entries_table(rows: Sequence[EntryRow]) -> pa.Table:
    """The rows as Arrow, every digit kept."""
    columns = [[getattr(row, name) for row in rows] for name in COLUMNS]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, COLUMNS.values(), strict=True)], _SCHEMA)
