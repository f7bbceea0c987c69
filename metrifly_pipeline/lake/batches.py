"""One commit's worth of work: raw records of all connections of a batch, typed and compared with what is stored."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from metrifly_pipeline.domain.lake_rows import NormalizeJob, Room
from metrifly_pipeline.lake.bounds import find_portion
from metrifly_pipeline.lake.engine import Engine, script
from metrifly_pipeline.lake.extraction import ReferenceInEngine, extract, read_raw
from metrifly_pipeline.lake.plain_batch import PlainBatch
from metrifly_pipeline.lake.products import settle
from metrifly_pipeline.lake.stored_table import FileFacts
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import QUARANTINE, TRADES, listed, literal, quoted
from metrifly_pipeline.lake.targets import Target

BEFORE_FIRST = -1
"""The watermark of a connection that was never normalised."""
_EVERYTHING = 2**62
_STORED_ALREADY = """
SELECT 1 FROM stored
SEMI JOIN typed ON stored.connection_id = typed.connection_id AND stored.record_key = typed.record_key
"""
_HARD_ROWS = """
SELECT rowid, exact_decimal(amount_text), price_text, cost_is_derived FROM typed_rows
WHERE is_hard AND has_only_more_decimals(price_text)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one commit will write, by connection where not told otherwise."""

    rows: pa.Table
    """In the target's columns."""
    failed: pa.Table
    """In the quarantine's columns; those that stand there already are left out."""
    marks: Mapping[str, int]
    """The new watermarks."""
    records: int
    """Raw records read."""
    more: bool
    """Whether more wait behind them."""
    unknown: frozenset[tuple[str, str]]
    """(connection, asset code) of codes that no alias names."""
    replaced: Mapping[str, tuple[int, int]]
    """For a rebuild: how many first versions stood there before, and how many later ones."""

    def only(self, connections: Iterable[str]) -> "Batch":
        """The same without the work of other connections."""
        wanted = {connection for connection in self.marks if connection in set(connections)}
        if len(wanted) == len(self.marks):
            return self
        return replace(
            self,
            rows=_of(self.rows, wanted),
            failed=_of(self.failed, wanted),
            marks={connection: mark for connection, mark in self.marks.items() if connection in wanted},
            unknown=frozenset(pair for pair in self.unknown if pair[0] in wanted),
        )


class BatchMaker:
    """Types raw records with the rooms' SQL; its tables must show what the commit will be compared with."""

    def __init__(self, tables: TableSet, engine: Engine, rooms: Mapping[str, Room]) -> None:
        self._tables = tables
        self._engine = engine
        self._rooms = rooms
        self._reference = ReferenceInEngine(engine)

    def make(self, target: Target, jobs: Sequence[NormalizeJob], budget: int, *, rebuilding: bool) -> Batch:
        """Type at most `budget` raw records past the watermarks; for a rebuild all of them, from the first."""
        parts: list[Batch] = []
        left = _EVERYTHING if rebuilding else budget
        for exchange in sorted({job.exchange for job in jobs}):
            of_exchange = [job for job in jobs if job.exchange == exchange]
            watermarks = self._watermarks(target, of_exchange, rebuilding=rebuilding)
            part = self._make_part(target, exchange, watermarks, left, rebuilding=rebuilding)
            parts.append(part)
            left -= part.records
        return _joined(parts, target)

    def _watermarks(self, target: Target, jobs: Sequence[NormalizeJob], *, rebuilding: bool) -> dict[str, int]:
        if rebuilding:
            return {job.connection: BEFORE_FIRST for job in jobs}
        stored = self._tables.stored(target.name)
        marks = {job.connection: stored.mark(job.app_id) for job in jobs}
        return {connection: BEFORE_FIRST if mark is None else mark for connection, mark in marks.items()}

    def _make_part(
        self, target: Target, exchange: str, watermarks: Mapping[str, int], budget: int, *, rebuilding: bool
    ) -> Batch:
        news = (file for file in self._tables.raw.files() if _may_hold_news(file, target, watermarks))
        # In the order in which they were landed, so that rows come out as they shall lie, most often.
        files = sorted(news, key=lambda file: file.low.get("seq") or 0)
        portion = find_portion(self._engine, target, watermarks, files, budget)
        if not portion.bounds:
            return replace(_joined([], target), more=portion.more)
        read_raw(self._engine, target, portion.bounds)
        marks = {bound.connection: bound.last_seq for bound in portion.bounds}
        typed = self._type(target, self._rooms[exchange])
        self._show_stored(target, marks, rebuilding=rebuilding)
        rows, failed = self._plain(target, typed, exchange) or self._judged(target, exchange, rebuilding=rebuilding)
        return Batch(
            rows=rows,
            failed=failed,
            marks=marks,
            records=sum(bound.records for bound in portion.bounds),
            more=portion.more,
            unknown=self._unknown_codes(target),
            replaced=self._count_stored(target, marks) if rebuilding else {},
        )

    def _type(self, target: Target, room: Room) -> pa.Table:
        self._reference.prepare(room, [file.path for file in self._tables.stored("reference").files()])
        typed = extract(self._engine, target, room)
        return self._finished(target) if pc.any(typed["is_hard"]).as_py() else typed

    def _finished(self, target: Target) -> pa.Table:
        self._engine.define("macros_hard")
        self._engine.run("CREATE OR REPLACE TEMP TABLE typed_rows AS SELECT * FROM typed")
        if target.shape is TRADES:
            self._engine.load("settled", settle(self._engine.rows(_HARD_ROWS)))
        self._engine.run(script(f"{target.name}_hard"))
        typed = self._engine.table("SELECT * FROM typed_rows")
        self._engine.show("typed", typed)
        self._engine.run("DROP TABLE typed_rows")
        return typed

    def _plain(self, target: Target, typed: pa.Table, exchange: str) -> tuple[pa.Table, pa.Table] | None:
        """What to add where every row is news and none is in doubt; None where one may not be."""
        plain = PlainBatch.of(typed, self._engine) if target.key else None
        if plain is None or self._engine.holds(_STORED_ALREADY):
            return None
        return plain.rows(target, exchange), QUARANTINE.schema.empty_table()

    def _judged(self, target: Target, exchange: str, *, rebuilding: bool) -> tuple[pa.Table, pa.Table]:
        """What to add and what to quarantine, row by row."""
        self._engine.run(script("problems"))
        if self._engine.holds("SELECT 1 FROM typed WHERE NOT is_good"):
            self._engine.define("macros_hard")
            self._engine.run(script(f"{target.name}_problems"))
        self._engine.run(script("failed"))
        self._engine.run(script(target.merging))
        return self._added(target, exchange), self._failed(target, exchange, rebuilding=rebuilding)

    def _show_stored(self, target: Target, connections: Iterable[str], *, rebuilding: bool) -> None:
        table = self._tables.stored(target.name)
        self._engine.view_files("stored_rows", table.files_of(connections), table.shape.empty_select())
        condition = "false" if rebuilding else f"connection_id IN ({listed(connections)})"
        key = f", {quoted(target.key)} AS record_key" if target.key else ""
        self._engine.run(f"CREATE OR REPLACE TEMP VIEW stored AS SELECT *{key} FROM stored_rows WHERE {condition}")

    def _unknown_codes(self, target: Target) -> frozenset[tuple[str, str]]:
        if not self._engine.holds("SELECT 1 FROM typed WHERE has_unknown_code"):
            return frozenset()
        return frozenset(self._engine.rows(script(target.unknown)))

    def _added(self, target: Target, exchange: str) -> pa.Table:
        columns = ", ".join(_column(name, target.key, exchange, target.name) for name in target.shape.names)
        return self._engine.table(f"SELECT {columns} FROM added ORDER BY {', '.join(target.shape.sorted_by)}")

    def _failed(self, target: Target, exchange: str, *, rebuilding: bool) -> pa.Table:
        """What goes to quarantine; a rebuild replaces what stands there, so nothing is there already."""
        quarantine = self._tables.stored(QUARANTINE.name)
        files = [] if rebuilding else [file.path for file in quarantine.files()]
        self._engine.view_files("quarantined", files, QUARANTINE.empty_select())
        columns = ", ".join(_column(name, "", exchange, target.name) for name in QUARANTINE.names)
        return self._engine.table(
            f"SELECT {columns} FROM failed ANTI JOIN quarantined ON failed.connection_id = quarantined.connection_id"
            f" AND failed.seq = quarantined.seq AND quarantined.target = {literal(target.name)}"
            " ORDER BY connection_id, seq"
        )

    def _count_stored(self, target: Target, connections: Iterable[str]) -> dict[str, tuple[int, int]]:
        first = "version = 1" if target.key else "true"
        counted = self._engine.rows(
            f"SELECT connection_id, count(*) FILTER ({first}), count(*) FILTER (NOT {first}) FROM stored_rows"
            f" WHERE connection_id IN ({listed(connections)}) AND {target.is_counted} GROUP BY connection_id"
        )
        return {connection: (firsts, later) for connection, firsts, later in counted}


def _column(name: str, key: str, exchange: str, target: str) -> str:
    """How a stored column is selected from the engine's temp tables."""
    constants = {"exchange": exchange, "target": target}
    if name in constants:
        return f"{literal(constants[name])} AS {quoted(name)}"
    return f"record_key AS {quoted(name)}" if name == key else quoted(name)


def _may_hold_news(file: FileFacts, target: Target, watermarks: Mapping[str, int]) -> bool:
    return target.may_read(file.low.get("stream"), file.high.get("stream")) and any(
        file.may_hold("connection_id", connection, connection) and file.may_hold("seq", mark + 1, _EVERYTHING)
        for connection, mark in watermarks.items()
    )


def _of(rows: pa.Table, connections: Iterable[str]) -> pa.Table:
    return rows.filter(pc.is_in(rows["connection_id"], pa.array(list(connections), pa.string())))


def _joined(parts: Sequence[Batch], target: Target) -> Batch:
    """Parts of several exchanges as one batch; rows stay in their order, since connections are named by exchange."""
    return Batch(
        rows=_concatenated([part.rows for part in parts], target.shape.schema),
        failed=_concatenated([part.failed for part in parts], QUARANTINE.schema),
        marks={connection: mark for part in parts for connection, mark in part.marks.items()},
        records=sum(part.records for part in parts),
        more=any(part.more for part in parts),
        unknown=frozenset(pair for part in parts for pair in part.unknown),
        replaced={connection: count for part in parts for connection, count in part.replaced.items()},
    )


def _concatenated(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([table.cast(schema) for table in tables]) if tables else schema.empty_table()
