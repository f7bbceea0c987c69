"""The batch that almost every batch is: each raw record gave one good row, no key stands twice, and none is stored already.

Then nothing is in quarantine, nothing is amended and every row is the first version of its key, which a few looks at columns prove. Whatever
fails one of them goes the long way, through the scripts `failed` and `versions`, whose result would be the same.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from metrifly_pipeline.lake.engine import Engine
from metrifly_pipeline.lake.tables import TableShape
from metrifly_pipeline.lake.targets import Target

_SOURCE = "SELECT connection_id, seq, stream, fetched_at AS recorded_at FROM raw_rows"
_PLACE = ("connection_id", "seq")
_FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class PlainBatch:
    """Typed rows beside the raw records that they came from, row by row."""

    typed: pa.Table
    source: pa.Table

    @classmethod
    def of(cls, typed: pa.Table, engine: Engine) -> "PlainBatch | None":
        """The batch where each record gave one good row and no key stands twice; None where that can't be said so quickly."""
        if not _holds_throughout(typed["is_good"]) or pc.any(typed["is_ignored"]).as_py():
            return None
        source = engine.table(_SOURCE)
        if not _are_neighbours(typed, source):
            typed, source = (table.sort_by([(name, "ascending") for name in _PLACE]) for table in (typed, source))
            if not _are_neighbours(typed, source):
                return None
        # Two connections may share a key; that is rare, and the long way knows what to do.
        distinct = pc.count_distinct(typed["record_key"]).as_py() == typed.num_rows
        return cls(typed, source) if distinct else None

    def rows(self, target: Target, exchange: str) -> pa.Table:
        """The batch in the target's columns and order, as first versions."""
        shape, count = target.shape, self.typed.num_rows
        given = {
            "exchange": pa.repeat(exchange, count),
            "version": pa.repeat(_FIRST_VERSION, count),
            target.key: self.typed["record_key"],
            "stream": self.source["stream"],
            "recorded_at": self.source["recorded_at"],
        }
        columns = [given[name] if name in given else self.typed[name] for name in shape.names]
        return _sorted(pa.table(columns, names=list(shape.names)).cast(shape.schema), shape)


def _are_neighbours(typed: pa.Table, source: pa.Table) -> bool:
    """Whether each typed row lies beside its own raw record, and each raw record beside one."""
    return all(typed[name].equals(source[name]) for name in _PLACE)


def _holds_throughout(flags: pa.ChunkedArray) -> bool:
    return pc.all(flags, skip_nulls=False).as_py() is True


def _sorted(rows: pa.Table, shape: TableShape) -> pa.Table:
    """In the shape's order; what arrives in it, as most exchanges send it, is left as it is."""
    _, moment, number, _ = (rows[name] for name in shape.sorted_by)
    if _rises(moment) and _rises(number) and pc.count_distinct(rows[shape.sorted_by[0]]).as_py() == 1:
        return rows
    return rows.sort_by([(name, "ascending") for name in shape.sorted_by])


def _rises(column: pa.ChunkedArray) -> bool:
    return _holds_throughout(pc.less_equal(column[:-1], column[1:]))
