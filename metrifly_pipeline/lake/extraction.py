"""Runs a room's SQL over one exchange's batch of raw records; the room extracts strings, nothing else."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from metrifly_pipeline.domain.lake_rows import Alias, Room
from metrifly_pipeline.lake.bounds import Bound
from metrifly_pipeline.lake.engine import Engine, script
from metrifly_pipeline.lake.tables import MOMENT, REFERENCE, TEXT, literal
from metrifly_pipeline.lake.targets import Target

EVERY_OTHER = "*"
"""A row of aliases.csv with this code: every other code that the exchange lists stands for itself."""

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_ALIASES = pa.schema(
    [
        pa.field("code", TEXT),
        pa.field("asset", TEXT),
        pa.field("wallet", TEXT),
        pa.field("valid_from", MOMENT),
        pa.field("valid_to", MOMENT),
    ]
)
_RAW_VIEW = """
CREATE OR REPLACE TEMP VIEW raw AS
SELECT connection_id, seq, stream, scope, payload, fetched_at FROM raw_rows WHERE payload IS NOT NULL
"""
_JOINED_WITH_BOUNDS = """
INNER JOIN bounds
    ON
        raw_files.connection_id = bounds.connection_id
        AND raw_files.seq > bounds.watermark
        AND raw_files.seq <= bounds.last_seq
"""
_OUR_FAULT = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""A room's SQL that names what isn't there fails for every record: that is a defect, not a bad record."""


class ReferenceInEngine:
    """The tables `reference` and `aliases` of one exchange in an engine; made anew only where they would differ."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made_of: tuple[str, Sequence[str]] | None = None

    def prepare(self, room: Room, reference_files: Sequence[str]) -> None:
        """Have the tables of a room, as of these files; a file's content never changes."""
        made_of = (room.exchange, reference_files)
        if self._made_of == made_of:
            return
        self._made_of = None
        engine = self._engine
        engine.view_files("reference_files", reference_files, REFERENCE.empty_select())
        engine.set_variable("exchange", room.exchange)
        engine.run(script("reference"))
        engine.load("aliases", alias_table(room.aliases))
        if any(alias.code == EVERY_OTHER for alias in room.aliases):
            engine.run(script("listed_codes"))
        self._made_of = made_of


def alias_table(aliases: Iterable[Alias]) -> pa.Table:
    """Aliases with spans that don't overlap: where two rows of a code do, the one that begins later ends the other."""
    columns: tuple[list[object], ...] = ([], [], [], [], [])
    by_code: dict[str, list[Alias]] = {}
    for alias in aliases:
        if alias.code != EVERY_OTHER:
            by_code.setdefault(alias.code, []).append(alias)
    for rows in by_code.values():
        spans = sorted(
            ((row.valid_from or _BEGINNING, row.valid_to or _END, row) for row in rows), key=lambda span: span[0]
        )
        ends = [start for start, _, _ in spans[1:]] + [_END]
        for (start, end, row), next_start in zip(spans, ends, strict=True):
            values = (row.code, row.asset, row.wallet or None, start, min(end, next_start))
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    return pa.table(list(columns), schema=_ALIASES)


def read_raw(engine: Engine, target: Target, bounds: Sequence[Bound]) -> None:
    """Make `raw_rows` of the records of `raw_files` within these bounds that feed the target."""
    engine.set_variable("target", target.name)
    engine.run(f"CREATE OR REPLACE TEMP VIEW batch_files AS SELECT raw_files.* FROM raw_files {_within(bounds)}")
    engine.run(script("raw_batch"))


def _within(bounds: Sequence[Bound]) -> str:
    """What restricts raw records to `bounds`: of one connection said plainly, which keeps the order of the files; a join does not."""
    if len(bounds) > 1:
        return _JOINED_WITH_BOUNDS
    (only,) = bounds
    return f"WHERE connection_id = {literal(only.connection)} AND seq > {only.watermark} AND seq <= {only.last_seq}"


def extract(engine: Engine, target: Target, room: Room) -> pa.Table:
    """Make and return `typed` of what the room's SQL extracts. A record that makes that SQL raise is left out, and so ends in quarantine."""
    sql = target.room_sql(room).strip().rstrip(";")
    engine.run(_RAW_VIEW)
    engine.run("DROP TABLE IF EXISTS temp.extracted_rows")
    engine.run(f"CREATE OR REPLACE TEMP VIEW extracted AS {sql}")
    typing = script(f"{target.name}_typed")
    try:
        typed = engine.table(typing)
    except _OUR_FAULT:
        raise
    except duckdb.Error:
        _extract_what_can_be(engine, sql)
        typed = engine.table(typing)
    engine.show("typed", typed)
    return typed


def _extract_what_can_be(engine: Engine, sql: str) -> None:
    ((last,),) = engine.rows("SELECT count(*) FROM raw_rows")
    engine.run(f"{_RAW_VIEW} AND false")
    engine.run(f"CREATE TEMP TABLE extracted_rows AS {sql}")
    _extract_halves(engine, sql, 0, last)
    engine.run("CREATE OR REPLACE TEMP VIEW extracted AS SELECT * FROM extracted_rows")


def _extract_halves(engine: Engine, sql: str, first: int, end: int) -> None:
    """Extract what can be of the raw rows `first` to `end` (excluded), of which one is known to raise."""
    if end - first <= 1:
        return
    middle = (first + end) // 2
    for low, high in ((first, middle), (middle, end)):
        engine.run(f"{_RAW_VIEW} AND rowid >= {low} AND rowid < {high}")
        try:
            engine.run(f"INSERT INTO extracted_rows BY NAME {sql}")
        except duckdb.Error:
            _extract_halves(engine, sql, low, high)
