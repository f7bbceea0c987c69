"""Deleting what Dagster's own storage says of connections whose account was deleted; other connections keep their history.

Dagster deletes whole runs only, and one run syncs many connections. So runs that were launched for a connection go as a whole, and of others
the events that name it. Like `recording`, it leans on Dagster's inner parts, which is why its version is pinned exactly.
"""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    DynamicPartitionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.schema import BulkActionsTable, RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.schedules.schema import InstigatorsTable, JobTable, JobTickTable
from dagster._core.storage.schedules.sql_schedule_storage import SqlScheduleStorage

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.journal import names_any, write_over

_SQLITE = b"SQLite format 3\x00"
_SHORT_WAIT = 5.0
"""Seconds for which a file that Dagster writes to is waited for; the next maintenance comes to it again."""
_DATABASE, _LOG_OF_WRITES = ".db", "-wal"


class History:
    """What one Dagster instance keeps; called with connections it forgets them. It may be called again at any time."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """Forget in this instance's storage and in the files of its folder."""
        self._instance = instance

    def __call__(self, connections: Collection[ConnectionId], asked_at: datetime, /) -> bool:
        """Delete partitions, runs and events that name them, and the bytes that deleting leaves; True where nothing is left.

        While a run is at work that began before they were deleted something may be: which connections a batch holds its run does not tell.
        """
        if not connections:
            return True
        wanted = sorted(connections)
        at_work = self._forget_runs(wanted) | self._is_at_work_since_before(asked_at)
        self._forget_events(wanted)
        self._forget_ticks(wanted)
        unclean = [path for path in self._files() if not self._is_clean(path, wanted)]
        return not unclean and not at_work

    def _forget_runs(self, wanted: list[ConnectionId]) -> bool:
        """Returns whether one of them is still at work: it goes the next time."""
        storage = self._instance.run_storage
        if not isinstance(storage, SqlRunStorage):
            return False
        with storage.connect() as db:
            named = set(_values(db, RunsTable, "run_id", _naming(RunsTable, ("run_body", "partition"), wanted)))
            named |= set(_values(db, RunTagsTable, "run_id", _naming(RunTagsTable, ("value",), wanted)))
            db.execute(BulkActionsTable.delete().where(_naming(BulkActionsTable, ("body",), wanted)))
        kept = False
        for run in named:
            known = self._instance.get_run_by_id(run)
            if known is not None and not known.is_finished:
                kept = True
            else:
                self._instance.delete_run(run)
        return kept

    def _is_at_work_since_before(self, moment: datetime) -> bool:
        return bool(
            self._instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES, created_before=moment), limit=1)
        )

    def _forget_events(self, wanted: list[ConnectionId]) -> None:
        storage = self._instance.event_log_storage
        if not isinstance(storage, SqlEventLogStorage):
            return
        naming = _naming(SqlEventLogStorageTable, ("event", "partition"), wanted)
        if isinstance(
            storage, SqliteEventLogStorage
        ):  # a file for each run, and one with a copy of all events of assets
            for run in self._runs_in_files(wanted):
                with storage.run_connection(run) as db:
                    db.execute(SqlEventLogStorageTable.delete().where(naming))
        with storage.index_connection() as db:
            gone = _values(db, SqlEventLogStorageTable, "id", naming)
            if gone:
                db.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(gone)))
            db.execute(SqlEventLogStorageTable.delete().where(naming))
            checks = _naming(AssetCheckExecutionsTable, ("evaluation_event", "partition"), wanted)
            db.execute(AssetCheckExecutionsTable.delete().where(checks))
            db.execute(DynamicPartitionsTable.delete().where(DynamicPartitionsTable.c.partition.in_(wanted)))
            for column in (
                "last_materialization",
                "cached_status_data",
            ):  # both are copies, made again where they are missing
                named = _naming(AssetKeyTable, (column,), wanted)
                db.execute(AssetKeyTable.update().values({column: None}).where(named))

    def _forget_ticks(self, wanted: list[ConnectionId]) -> None:
        storage = self._instance.schedule_storage
        if not isinstance(storage, SqlScheduleStorage):
            return
        with storage.connect() as db:
            db.execute(JobTickTable.delete().where(_naming(JobTickTable, ("tick_body",), wanted)))
            for table, column in ((JobTable, "job_body"), (InstigatorsTable, "instigator_body")):
                # The newest tick stands here once more; a sensor that has no row begins anew, which each of ours may.
                db.execute(table.delete().where(_naming(table, (column,), wanted)))

    def _runs_in_files(self, wanted: list[ConnectionId]) -> Iterator[str]:
        """One without a name holds what happened outside of runs."""
        for path in self._files():
            file = _database_of(path).name
            run = file.removesuffix(_DATABASE)
            if run not in {file, INDEX_SHARD_NAME} and path.parent.name == "runs" and names_any(path, wanted):
                yield run

    def _files(self) -> list[Path]:
        return [path for path in sorted(Path(self._instance.root_directory).rglob("*")) if path.is_file()]

    def _is_clean(self, path: Path, wanted: list[ConnectionId]) -> bool:
        """Take the connections out of what is left of a file: free pages of a database, lines of a log."""
        if not names_any(path, wanted):
            return True
        with contextlib.suppress(OSError, sqlite3.Error):
            with path.open("rb") as opened:
                head = opened.read(len(_SQLITE))
            if head == _SQLITE or path.name.endswith(_LOG_OF_WRITES):
                _squeeze(_database_of(path))
            else:
                write_over(path, wanted)
        return not names_any(path, wanted)


def _naming(table: Any, columns: Collection[str], wanted: Collection[str]) -> Any:
    """A condition: one of the columns names one of them."""
    conditions = [table.c[column].contains(each, autoescape=True) for column in columns for each in wanted]
    first, *others = conditions
    for other in others:
        first = first | other
    return first


def _values(db: Any, table: Any, column: str, condition: Any) -> list[Any]:
    return [row[0] for row in db.execute(table.select().with_only_columns(table.c[column]).where(condition))]


def _database_of(path: Path) -> Path:
    """The database that a log of writes belongs to; every other file as it is."""
    return path.with_name(path.name.removesuffix(_LOG_OF_WRITES))


def _squeeze(path: Path) -> None:
    """Write a database anew: SQLite leaves deleted rows standing in pages that are free."""
    with contextlib.closing(sqlite3.connect(path, timeout=_SHORT_WAIT)) as db:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
