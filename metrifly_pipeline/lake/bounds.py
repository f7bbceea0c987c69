"""Which raw records a batch takes: what lies past each connection's watermark, at most as many as one commit may hold."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pyarrow as pa

from metrifly_pipeline.lake.engine import Engine, script
from metrifly_pipeline.lake.stored_table import FileFacts
from metrifly_pipeline.lake.tables import RAW_RECORDS, TEXT, WHOLE
from metrifly_pipeline.lake.targets import Target

_JOBS = pa.schema([pa.field("connection_id", TEXT), pa.field("watermark", WHOLE)])


@dataclass(frozen=True, slots=True)
class Bound:
    """One connection's part of a batch: its records behind the watermark, up to and with `last_seq`."""

    connection: str
    watermark: int
    last_seq: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one batch takes, and whether more waits behind it."""

    bounds: Sequence[Bound]
    more: bool


NOTHING = Portion(bounds=(), more=False)


def find_portion(
    engine: Engine, target: Target, watermarks: Mapping[str, int], files: Sequence[FileFacts], budget: int
) -> Portion:
    """At most `budget` raw records of `files`, oldest first; `raw_files` shows where they are."""
    if not files or budget <= 0:
        return Portion(bounds=(), more=bool(files))
    told = _told(watermarks, files, budget)
    if told is not None:
        portion, taken = told
        engine.view_files("raw_files", taken, RAW_RECORDS.empty_select())
        return portion
    engine.view_files("raw_files", [file.path for file in files], RAW_RECORDS.empty_select())
    return _counted(engine, target, watermarks, budget)


def _told(
    watermarks: Mapping[str, int], files: Sequence[FileFacts], budget: int
) -> tuple[Portion, Sequence[str]] | None:
    """Whole files, where statistics alone say that each holds news of one connection and stream, and the next what comes behind it."""
    if len(watermarks) != 1:
        return None
    ((connection, watermark),) = watermarks.items()
    ends: list[Any] = [watermark, *(file.high.get("seq") for file in files)]
    if not all(_is_all_of(file, connection, behind) for file, behind in zip(files, ends, strict=False)):
        return None
    sums = list(accumulate(file.rows for file in files))
    count = bisect_right(sums, budget)
    if not count:
        return None
    bound = Bound(connection, watermark, ends[count], sums[count - 1])
    return Portion(bounds=(bound,), more=count < len(files)), [file.path for file in files[:count]]


def _is_all_of(file: FileFacts, connection: str, behind: int) -> bool:
    """Whether every row is one connection's and of one stream (the target's, else the file had been left out), and none is old."""
    low, high = file.low, file.high
    is_of_one = low.get("connection_id") == connection == high.get("connection_id")
    is_of_one_stream = low.get("stream") is not None and low["stream"] == high.get("stream")
    return is_of_one and is_of_one_stream and low.get("seq") is not None and low["seq"] > behind


def _counted(engine: Engine, target: Target, watermarks: Mapping[str, int], budget: int) -> Portion:
    engine.load("jobs", pa.table([list(watermarks), list(watermarks.values())], schema=_JOBS))
    engine.set_variable("target", target.name)
    engine.set_variable("budget", budget)
    engine.run(script("bounds"))
    bounds = _read(engine)
    more = sum(bound.records for bound in bounds) > budget
    if more:
        # Putting all that waits in order to find the cut costs as much as reading a batch: only where there must be one.
        engine.run(script("bounds_cut"))
        bounds = _read(engine)
    return Portion(bounds=bounds, more=more)


def _read(engine: Engine) -> list[Bound]:
    rows = engine.rows("SELECT connection_id, watermark, last_seq, records FROM bounds ORDER BY connection_id")
    return [Bound(*row) for row in rows]
