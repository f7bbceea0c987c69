"""Publishing: the DuckDB file that analysts open is built beside the one in place and swapped in by a rename."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from metrifly_pipeline.domain.entry_rows import EntryRow
from metrifly_pipeline.domain.lake_rows import PublishOutcome, Room, SmallTable
from metrifly_pipeline.domain.ports import Reach
from metrifly_pipeline.lake.building import Given, build_catalogue
from metrifly_pipeline.lake.durable import Fsync, sync_path
from metrifly_pipeline.lake.engine import Instance
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.template import template_digest, with_connections, write_template

_READABLE_BY_ALL = 0o644


class Warehouse:
    """The published file; one publish at a time over all processes, readers never wait."""

    def __init__(
        self,
        folder: Path,
        tables: TableSet,
        rooms: Mapping[str, Room],
        sums: Callable[[], pa.Table],
        reach: Reach,
        fsync: Fsync,
        instance: Instance,
    ) -> None:
        self._instance = instance
        self.path = folder / "metrifly.duckdb"
        self._new = folder / "metrifly.duckdb.building"
        self._tables = tables
        self._rooms = rooms
        self._sums = sums
        self._reach = reach
        self._fsync = fsync

    def prepare(self, tables: Sequence[SmallTable]) -> None:
        """Have the template that a publish with such tables copies."""
        with self._alone():
            self._template(with_connections(tables))

    def publish(
        self, tables: Sequence[SmallTable], entries: Sequence[EntryRow], meta: Mapping[str, Any]
    ) -> PublishOutcome:
        """Build and swap; see `Lake.publish`."""
        with self._alone():
            self._tables.reload()
            versions = self._tables.versions()
            if self._is_older(meta["change_seq"], versions):
                return PublishOutcome(published=False, path=str(self.path), versions=versions)
            given = Given(small=with_connections(tables), entries=entries, meta=meta, sums=self._sums())
            rows = self._build(given)
            sync_path(self._new, self._fsync)
            self._reach("publish.before_rename")
            self._new.rename(self.path)
            sync_path(self.path.parent, self._fsync)
            self._reach("publish.after_rename")
        return PublishOutcome(published=True, path=str(self.path), rows=rows, versions=versions)

    def _build(self, given: Given) -> dict[str, int]:
        """Build the new file; a template that can't be used (a disk may spoil it) is made anew, once."""
        template = self._template(given.small)
        try:
            return build_catalogue(self._instance, self._new, template, self._tables, given)
        except duckdb.Error:
            template.unlink()
            self._clear()
        return build_catalogue(self._instance, self._new, self._template(given.small), self._tables, given)

    def _template(self, small: Sequence[SmallTable]) -> Path:
        """The template of catalogues like this one, made where it isn't there: it stays the same until the product changes."""
        digest = template_digest(self._rooms, small)
        path = self.path.with_name(f".{self.path.name}.template-{digest}")
        if not path.exists():
            for former in self.path.parent.glob(f".{self.path.name}.template-*"):
                former.unlink()
            write_template(self._instance, self._new, digest, self._rooms, small)
            sync_path(self._new, self._fsync)
            self._new.rename(path)
        return path

    def shown_versions(self) -> dict[str, int]:
        """Version of each Delta table that the file in place shows; empty where there is none."""
        meta = self._meta_in_place()
        return {name: meta[f"{name}_version"] for name in self._tables.versions()} if meta else {}

    def _is_older(self, change_seq: int, versions: Mapping[str, int]) -> bool:
        """Whether what we would build shows anything older than the file in place does."""
        meta = self._meta_in_place()
        return bool(meta) and (
            change_seq < meta["change_seq"]
            or any(number < meta[f"{name}_version"] for name, number in versions.items())
        )

    def _meta_in_place(self) -> dict[str, Any]:
        """The row of `_meta`; empty where there is no file, or none that can be read (then it is replaced)."""
        if not self.path.exists():
            return {}
        try:
            # Attached, since `connect(path)` would show the file that another thread still has open.
            with self._instance.attached(self.path, "READ_ONLY") as connection:
                result = connection.execute("SELECT * FROM _meta")
                names = [column[0] for column in result.description or ()]
                rows = result.fetchall()
        except duckdb.Error:
            return {}
        meta = dict(zip(names, rows[0], strict=True)) if rows else {}
        return meta if {"change_seq", *(f"{name}_version" for name in self._tables.versions())} <= meta.keys() else {}

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock that makes compare-and-swap one step, and clear away what a killed publish left."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_name(".publish.lock"), os.O_RDWR | os.O_CREAT, _READABLE_BY_ALL)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._clear()
            yield
        finally:
            os.close(lock)

    def _clear(self) -> None:
        """Remove what was being built."""
        for leftover in self.path.parent.glob(f"{self._new.name}*"):
            leftover.unlink()
