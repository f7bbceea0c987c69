"""Keeping the Delta tables quick to read: small files are joined, files that nobody names any more are removed."""

from collections.abc import Mapping
from datetime import timedelta

from metrifly_pipeline.domain.lake_rows import MaintenanceOutcome
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.warehouse import Warehouse

MOST_FILES = 50
"""Live files of a table above which they are joined: each costs 0.2-0.3 ms a scan, and joining it 0.6 ms."""
SMALL_BYTES = 2 * 1024 * 1024
"""Files that hold more are joined once a day only: whatever was joined lies there for a week, and a day has some thirty publishes."""
LARGE_BYTES = 128 * 1024 * 1024
KEPT = timedelta(days=7)
"""How long files outlive the version that names them: for readers of an older catalogue."""


class Maintenance:
    """Compacts and vacuums; not for several threads at once. A table that others rewrite meanwhile is left for the next time."""

    def __init__(self, tables: TableSet, warehouse: Warehouse) -> None:
        self._tables = tables
        self._warehouse = warehouse

    def run(self) -> MaintenanceOutcome:
        """Maintain all tables."""
        joined = self._join(LARGE_BYTES)
        shown = self._warehouse.shown_versions()
        removed = {
            name: self._tables.stored(name).vacuum(KEPT, keep_version=shown.get(name))
            for name in self._tables.versions()
        }
        return MaintenanceOutcome(joined=joined, removed=removed)

    def join_small_files(self) -> Mapping[str, int]:
        """Join the small files of tables that hold many; returns how many went, by table."""
        return self._join(SMALL_BYTES)

    def _join(self, target_bytes: int) -> dict[str, int]:
        self._tables.reload()
        joined = {}
        for name in self._tables.versions():
            table = self._tables.stored(name)
            if sum(file.bytes <= target_bytes for file in table.files()) > MOST_FILES:
                joined[name] = table.compact(target_bytes)
        return joined
