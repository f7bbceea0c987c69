"""Markets as exchanges list them: landed append-only, a new row only where one is new or changed."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from metrifly_pipeline.domain.lake_rows import ReferenceMarket
from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.engine import Engine
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import REFERENCE, literal

_ATTEMPTS = 10
_NEWEST = """
SELECT market_id, max_by(base, seen_at), max_by(quote, seen_at), max_by(active, seen_at), max(seen_at)
FROM listed WHERE exchange = {exchange} GROUP BY market_id ORDER BY market_id
"""


class Markets:
    """Reads and appends the table `reference`; not for several threads at once."""

    def __init__(self, tables: TableSet, engine: Engine) -> None:
        self._stored = tables.stored(REFERENCE.name)
        self._engine = engine

    def append(self, markets: Sequence[ReferenceMarket]) -> int:
        """Land markets that are new or changed; returns how many."""
        for _ in range(_ATTEMPTS):
            exchanges = sorted({market.exchange for market in markets})
            known = {(each.exchange, each.market_id): each for name in exchanges for each in self.newest(name)}
            changed = [market for market in markets if _differs(market, known.get((market.exchange, market.market_id)))]
            if not changed:
                return 0
            # One mark for each exchange makes two processes that land the same markets meet.
            marks = {f"reference/{name}": (self._stored.mark(f"reference/{name}") or 0) + 1 for name in exchanges}
            try:
                self._stored.commit(_as_table(changed), marks)
            except LakeConflictError:
                continue
            self._stored.settle()
            return len(changed)
        raise LakeConflictError("others landed markets of the same exchange again and again; try again")

    def newest(self, exchange: str) -> list[ReferenceMarket]:
        """The newest version of every market ever listed, by id."""
        self._stored.reload()
        paths = [file.path for file in self._stored.files()]
        if not paths:
            return []
        self._engine.view_files("listed", paths, REFERENCE.empty_select())
        return [
            ReferenceMarket(
                exchange=exchange, market_id=market_id, base=base, quote=quote, active=active, seen_at=seen_at
            )
            for market_id, base, quote, active, seen_at in self._engine.rows(_NEWEST.format(exchange=literal(exchange)))
        ]


def _differs(market: ReferenceMarket, known: ReferenceMarket | None) -> bool:
    return known is None or (known.base, known.quote, known.active) != (market.base, market.quote, market.active)


def _as_table(markets: Iterable[ReferenceMarket]) -> pa.Table:
    rows = sorted(markets, key=lambda market: (market.exchange, market.market_id))
    columns = [[getattr(row, name) for row in rows] for name in REFERENCE.names]
    return pa.table(columns, schema=REFERENCE.schema)
