"""One Delta table behind one handle: what is read, compared and committed passes through the same `DeltaTable`.

A commit by path from a worker that was overtaken would be accepted and could roll a watermark back; a commit through the
handle that the watermark was read from fails instead.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import ColumnProperties, CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError

from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.durable import Durability, Fsync, sync_path
from metrifly_pipeline.lake.log_cutting import cut_log
from metrifly_pipeline.lake.marks import Marks
from metrifly_pipeline.lake.tables import TableShape, listed

_CHOSEN_BY = {
    "connection_id",
    "exchange",
    "stream",
    "seq",
    "version",
    "event_at",
    "executed_at",
    "occurred_at",
    "asked_at",
}
_PLAIN = ColumnProperties(dictionary_enabled=False)
_STATISTICS_PRECISION = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One data file and the smallest and largest value of each column in it, where Delta knows them."""

    path: str
    bytes: int
    rows: int
    low: Mapping[str, Any]
    high: Mapping[str, Any]

    def may_hold(self, column: str, smallest: object, largest: object) -> bool:
        """Whether a value between the two may stand in it (True where nothing is known)."""
        low, high = self.low.get(column), self.high.get(column)
        if low is None or high is None:
            return True
        return bool(low <= largest and high >= smallest)

    def may_hold_any(self, column: str, values: Iterable[object]) -> bool:
        """Whether one of the values may stand in it."""
        return any(self.may_hold(column, value, value) for value in values)


class StoredTable:
    """One Delta table. Not for several threads at once: the lake holds one lock around its tables."""

    def __init__(self, folder: Path, shape: TableShape, fsync: Fsync) -> None:
        self.shape = shape
        self._folder = folder
        self._fsync = fsync
        self._writer = WriterProperties(
            compression="ZSTD",
            compression_level=1,
            max_row_group_size=100_000,
            column_properties={column.name: _PLAIN for column in shape.columns if column.differs},
        )
        self._durability = Durability(folder, fsync)
        self._marks = Marks(folder)
        self._handle: DeltaTable | None = None
        self._facts: tuple[int, tuple[FileFacts, ...]] | None = None

    @property
    def handle(self) -> DeltaTable:
        """The handle as last loaded; the table is made where there is none yet."""
        if self._handle is None:
            self._handle = self._open()
        return self._handle

    @property
    def log(self) -> Path:
        """The folder of the table's log."""
        return self._folder / "_delta_log"

    @property
    def version(self) -> int:
        """Version that the handle shows."""
        return self.handle.version()

    def reload(self) -> None:
        """Show the newest version from here on."""
        if self._handle is None or self._is_newest(self._handle.version()):
            return
        if (self.log / f"{self._handle.version():020d}.json").exists():
            self._handle.update_incremental()
        else:  # the log was cut
            self._handle = DeltaTable(str(self._folder))

    def _is_newest(self, version: int) -> bool:
        """Whether the log ends with this version: its entries are numbered without gaps, and the oldest are cleaned away first.

        Two looks at a folder cost a hundredth of asking Delta, and almost always nobody else has committed.
        """
        log = self.log
        return not (log / f"{version + 1:020d}.json").exists() and (log / f"{version:020d}.json").exists()

    def mark(self, app_id: str) -> int | None:
        """How far `app_id` has come in this table; None where it never committed."""
        return self._marks.at(self.handle, app_id)

    def files(self) -> tuple[FileFacts, ...]:
        """The live files of the version that the handle shows."""
        if self._facts is None or self._facts[0] != self.version:
            self._facts = (self.version, tuple(self._read_facts()))
        return self._facts[1]

    def files_of(self, connections: Iterable[str]) -> list[str]:
        """Paths of files that may hold rows of these connections."""
        wanted = sorted(connections)
        return [file.path for file in self.files() if file.may_hold_any("connection_id", wanted)]

    def commit(
        self, rows: pa.Table, marks: Mapping[str, int], *, replacing: str | None = None, may_stay: bool = False
    ) -> None:
        """Add rows and move marks in one commit; `replacing` is a predicate whose rows go in the same commit.

        A mark must rise; where rows are replaced, or with `may_stay`, it may also stay.

        Raises:
            LakeConflictError: another commit met this one, or a mark would not rise; nothing was written.
        """
        self._refuse_falling(marks, may_stay=may_stay or replacing is not None)
        properties = CommitProperties(app_transactions=[Transaction(app, mark) for app, mark in marks.items()])
        try:
            self._write(rows.select(self.shape.names).cast(self.shape.schema), properties, replacing)
        except CommitFailedError:
            raise LakeConflictError(f"another commit to {self.shape.name} came first") from None

    def _write(self, rows: pa.Table, properties: CommitProperties, replacing: str | None) -> None:
        if replacing is None:
            write_deltalake(
                self.handle, rows, mode="append", writer_properties=self._writer, commit_properties=properties
            )
        else:
            write_deltalake(
                self.handle,
                rows,
                mode="overwrite",
                predicate=replacing,
                writer_properties=self._writer,
                commit_properties=properties,
            )

    def remove(self, predicate: str) -> None:
        """Rewrite the files that hold rows of a predicate without these rows; nothing is committed where there are none.

        Raises:
            LakeConflictError: another commit met this one; nothing was written.
        """
        try:
            self.handle.delete(predicate, writer_properties=self._writer)
        except CommitFailedError:
            raise LakeConflictError(f"another commit to {self.shape.name} came first") from None

    def cut_log(self, version: int) -> None:
        """Let nothing be left of what the log says before a version."""
        cut_log(self._folder, version, self._fsync)
        self._handle = None

    def settle(self) -> None:
        """Return once everything that the handle shows is on the disk."""
        self._durability.settle(self.version)

    def compact(self, target_bytes: int) -> int:
        """Join files of at most `target_bytes` to such as are no larger; returns how many went. 0 where another commit met this one."""
        try:
            facts = self.handle.optimize.compact(
                max_concurrent_tasks=1, target_size=target_bytes, writer_properties=self._writer
            )
        except CommitFailedError:
            self.reload()
            return 0
        self.settle()
        return int(facts["numFilesRemoved"])

    def vacuum(self, kept: timedelta, *, keep_version: int | None) -> int:
        """Remove files that no version of the last `kept` names, nor `keep_version`; returns how many."""
        # A handle of its own: what another one remembers of the log may have been cut off since.
        removed = DeltaTable(str(self._folder)).vacuum(
            retention_hours=int(kept.total_seconds() // 3600),
            dry_run=False,
            enforce_retention_duration=True,
            keep_versions=None if keep_version is None else [keep_version],
        )
        self.settle()
        return len(removed)

    def _refuse_falling(self, marks: Mapping[str, int], *, may_stay: bool) -> None:
        for app_id, mark in marks.items():
            current = self.mark(app_id)
            if current is not None and (mark < current or (mark == current and not may_stay)):
                raise LakeConflictError(f"the watermark of {self.shape.name} would not rise")

    def _open(self) -> DeltaTable:
        if DeltaTable.is_deltatable(str(self._folder)):
            return DeltaTable(str(self._folder))
        self._folder.mkdir(parents=True, exist_ok=True)
        made = None
        with contextlib.suppress(CommitFailedError):  # another process made it in the meantime
            made = DeltaTable.create(
                str(self._folder), self.shape.schema, mode="ignore", configuration=_configuration(self.shape)
            )
        self._durability.settle(0)
        sync_path(self._folder.parent, self._fsync)
        sync_path(self._folder.parent.parent, self._fsync)
        return made or DeltaTable(str(self._folder))

    def _read_facts(self) -> Iterable[FileFacts]:
        for row in pa.table(self.handle.get_add_actions(flatten=True)).to_pylist():
            yield FileFacts(
                path=str(self._folder / unquote(row["path"])),
                bytes=row["size_bytes"],
                rows=row["num_records"] or 0,
                low={name[4:]: value for name, value in row.items() if name.startswith("min.")},
                high={name[4:]: value for name, value in row.items() if name.startswith("max.")},
            )


def _configuration(shape: TableShape) -> dict[str, str | None]:
    """Statistics of the columns that files are chosen by, and of no other: the log would repeat payloads."""
    return {"delta.dataSkippingStatsColumns": ",".join(name for name in shape.names if name in _CHOSEN_BY)}


def of_connections(connections: Iterable[str], also: str = "") -> str:
    """A Delta predicate: rows of these connections."""
    return f"connection_id IN ({listed(connections)}){also}"


def may_hold_span(file: FileFacts, column: str, start: datetime, end: datetime) -> bool:
    """Whether a file may hold rows between two moments; Delta cuts its statistics of times to milliseconds."""
    return file.may_hold(column, start - _STATISTICS_PRECISION, end + _STATISTICS_PRECISION)
