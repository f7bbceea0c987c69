"""Erasing connections: tables are rewritten without their rows, later the replaced files and the log's words about them go.

A table's log names connections in three ways: in the statistics of files, in the predicate of a commit that deleted or rebuilt, and as app
ids, which are random numbers. So the log is cut behind the newest commit that a published catalogue shows, where a checkpoint stands for it.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Reach
from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.log_cutting import entries_since
from metrifly_pipeline.lake.stored_table import StoredTable, of_connections
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import QUARANTINE, SHAPES
from metrifly_pipeline.lake.targets import TARGETS
from metrifly_pipeline.lake.warehouse import Warehouse

ENDED = 2**62
"""The mark of a connection that was erased: above every sequence number, so that no worker that was overtaken lands or types any more."""
BEING_WRITTEN = timedelta(hours=1)
"""A file that can't be read, and that no version names, may be one that somebody is writing; after so long it is what a killed one left."""
_ATTEMPTS = 10
_OWNED = tuple(shape for shape in SHAPES if "connection_id" in shape.names)


class Erasing:
    """Erases and purges; not for several threads at once."""

    def __init__(self, tables: TableSet, warehouse: Warehouse, spill: Path, reach: Reach) -> None:
        self._tables = tables
        self._warehouse = warehouse
        self._spill = spill
        self._reach = reach

    def erase(self, connections: Mapping[ConnectionId, str]) -> None:
        """Rewrite each table without their rows; see `Lake.erase`."""
        for shape in _OWNED if connections else ():
            self._erase_from(self._tables.stored(shape.name), connections)
            self._reach("erase.after_table")

    def _erase_from(self, table: StoredTable, connections: Mapping[ConnectionId, str]) -> None:
        for _ in range(_ATTEMPTS):
            table.reload()
            try:
                self._fence(table, connections.values())
                self._reach("erase.before_commit")
                table.remove(of_connections(connections))
                if _names_any(table.log / _entry(table.version), _needles(connections)):
                    # The commit that deleted names whose rows it deleted; the next one doesn't, and the log can be cut behind it.
                    table.commit(table.shape.schema.empty_table(), {})
            except LakeConflictError:
                continue
            table.settle()
            return
        raise LakeConflictError(f"others committed to {table.shape.name} {_ATTEMPTS} times in a row; try again")

    @staticmethod
    def _fence(table: StoredTable, app_ids: Collection[str]) -> None:
        """First, so that nothing of them comes in behind what deletes: a commit that does not raise a mark is refused."""
        if table.shape is QUARANTINE:
            app_ids = [f"{app_id}/{target.name}" for app_id in app_ids for target in TARGETS]
        marks = {app_id: ENDED for app_id in app_ids if table.mark(app_id) != ENDED}
        if marks:
            table.commit(table.shape.schema.empty_table(), marks)

    def purge(self, connections: Collection[ConnectionId], now: datetime) -> bool:
        """Remove replaced files and cut the logs; see `Lake.purge`."""
        shown = self._warehouse.shown_versions()
        self._tables.reload()
        unclean = [shape for shape in _OWNED if not self._purge(shape.name, shown.get(shape.name), connections, now)]
        return self._clear_spill(now) and not unclean

    def _clear_spill(self, now: datetime) -> bool:
        """Remove what a killed process put aside while it sorted, which may be anybody's rows; whether nothing is left."""
        files = [path for path in self._spill.rglob("*") if path.is_file()]
        old = [path for path in files if _age(path, now) > BEING_WRITTEN]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old) == len(files)

    def _purge(self, name: str, shown: int | None, connections: Collection[ConnectionId], now: datetime) -> bool:
        table = self._tables.stored(name)
        needles = _needles(connections)
        if shown is None or any(_names_any(entry, needles) for entry in entries_since(table.log, shown)):
            return False
        live = {Path(file.path).name for file in table.files()}
        unknown = False
        for path in _data_files(table.log.parent):
            if path.name in live:
                continue
            holds = _holds(path, connections)
            if holds is None:
                holds = _age(path, now) > BEING_WRITTEN
                unknown = unknown or not holds
            if holds:
                path.unlink(missing_ok=True)
        self._reach("purge.before_log")
        table.cut_log(shown)
        return not unknown


def _entry(version: int) -> str:
    return f"{version:020d}.json"


def _needles(connections: Collection[ConnectionId]) -> list[bytes]:
    return [connection.encode() for connection in connections]


def _names_any(path: Path, needles: Collection[bytes]) -> bool:
    try:
        told = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(needle in told for needle in needles)


def _data_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file())


def _holds(path: Path, connections: Collection[ConnectionId]) -> bool | None:
    """Whether a data file has rows of these connections; None where it can't be read."""
    try:
        found = pq.read_table(path, columns=["connection_id"])["connection_id"]
    except (pa.ArrowException, OSError):
        return None
    return bool(pc.any(pc.is_in(found, pa.array(sorted(connections)))).as_py())


def _age(path: Path, now: datetime) -> timedelta:
    try:
        return now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return timedelta(0)
