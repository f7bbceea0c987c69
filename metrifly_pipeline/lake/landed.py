"""What has been landed already: the questions that landing asks before it writes."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from metrifly_pipeline.domain.lake_rows import RawBlock
from metrifly_pipeline.domain.streams import at_us
from metrifly_pipeline.lake.engine import Engine, script
from metrifly_pipeline.lake.stored_table import FileFacts, may_hold_span
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import MOVEMENTS, RAW_RECORDS, TEXT, TRADES, WHOLE, listed

_WANTED = pa.schema(
    [
        pa.field("connection_id", TEXT),
        pa.field("stream", TEXT),
        pa.field("scope", TEXT),
        pa.field("seq", WHOLE),
        pa.field("payload_hash", TEXT),
        pa.field("rank", WHOLE),
        pa.field("watermark", WHOLE),
        pa.field("own_from", WHOLE),
    ]
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows that somebody wants to land: one is there if an equal one is normalised, or was landed under the own lease."""

    block: RawBlock
    watermark: int
    own_from: int


class LandedRows:
    """Asks the raw records and the normalised tables; sees the version that their handles show."""

    def __init__(self, tables: TableSet, engine: Engine) -> None:
        self._tables = tables
        self._engine = engine

    def find(self, wanted: Sequence[Wanted]) -> set[tuple[str, int]]:
        """(connection, seq) of the wanted rows that are there already. A record that another version superseded counts as gone."""
        files = [file.path for file in self._tables.raw.files() if _may_hold(file, wanted)]
        if not files:
            return set()
        self._engine.view_files("raw_files", files, RAW_RECORDS.empty_select())
        self._engine.load("wanted", _as_table(wanted))
        hits = self._engine.rows(script("landed"))
        superseded = self._superseded({connection for connection, _, _ in hits})
        return {(connection, seq) for connection, seq, there in hits if (connection, there) not in superseded}

    def newest_balances(self, connections: Iterable[str]) -> dict[tuple[str, str], str]:
        """Fingerprint of the newest snapshot by (connection, scope)."""
        wanted = sorted(connections)
        files = self._tables.raw.files_of(wanted)
        if not files:
            return {}
        self._engine.view_files("raw_files", files, RAW_RECORDS.empty_select())
        rows = self._engine.rows(
            "SELECT connection_id, scope, max_by(payload_hash, seq) FROM raw_files"
            f" WHERE stream = 'balances' AND connection_id IN ({listed(wanted)})"
            " GROUP BY connection_id, scope"
        )
        return {(connection, scope): payload_hash for connection, scope, payload_hash in rows}

    def _superseded(self, connections: Iterable[str]) -> set[tuple[str, int]]:
        """(connection, seq) of raw records whose values were overtaken by a newer version."""
        wanted = sorted(connections)
        found: set[tuple[str, int]] = set()
        for shape, key in ((TRADES, "trade_key"), (MOVEMENTS, "movement_key")):
            files = [
                file for file in self._tables.stored(shape.name).files() if file.may_hold_any("connection_id", wanted)
            ]
            if any(file.may_hold("version", 2, 2**62) for file in files):
                self._engine.view_files("stored_rows", [file.path for file in files], shape.empty_select())
                self._engine.run(
                    f"CREATE OR REPLACE TEMP VIEW stored AS SELECT *, {key} AS record_key FROM stored_rows"
                    f" WHERE connection_id IN ({listed(wanted)})"
                )
                found.update(self._engine.rows(script("superseded")))
        return found


def _may_hold(file: FileFacts, wanted: Sequence[Wanted]) -> bool:
    """Whether a file may hold one of the rows: by connection and time; rows without a time are looked for everywhere."""
    if not file.may_hold_any("connection_id", {each.block.connection for each in wanted}):
        return False
    times = [micros for each in wanted for micros in each.block.event_us]
    known = [micros for micros in times if micros is not None]
    if len(known) < len(times):
        return True
    first, last = at_us(min(known, default=None)), at_us(max(known, default=None))
    return first is not None and last is not None and may_hold_span(file, "event_at", first, last)


def _as_table(wanted: Sequence[Wanted]) -> pa.Table:
    blocks = [each.block for each in wanted]
    columns: list[list[object]] = [
        [block.connection for block in blocks for _ in block.seqs],
        [block.stream.value for block in blocks for _ in block.seqs],
        [block.scope for block in blocks for _ in block.seqs],
        list(chain.from_iterable(block.seqs for block in blocks)),
        list(chain.from_iterable(block.hashes for block in blocks)),
        list(chain.from_iterable(block.ranks for block in blocks)),
        [each.watermark for each in wanted for _ in each.block.seqs],
        [each.own_from for each in wanted for _ in each.block.seqs],
    ]
    return pa.table(columns, schema=_WANTED)
