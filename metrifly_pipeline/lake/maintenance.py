"""Keeping the Delta tables quick to read: small files are joined, files that nobody names any more are removed."""

from datetime import timedelta

from metrifly_pipeline.domain.lake_rows import MaintenanceOutcome
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.warehouse import Warehouse

MOST_FILES = 50
"""Live files of a table above which they are joined: each costs 0.2-0.3 ms a scan."""
KEPT = timedelta(days=7)
"""How long files outlive the version that names them: for readers of an older catalogue."""


class Maintenance:
    """Compacts and vacuums; not for several threads at once."""

    def __init__(self, tables: TableSet, warehouse: Warehouse) -> None:
        self._tables = tables
        self._warehouse = warehouse

    def run(self) -> MaintenanceOutcome:
        """Maintain all tables. A table that others commit to meanwhile is left for the next time."""
        self._tables.reload()
        shown = self._warehouse.shown_versions()
        joined: dict[str, int] = {}
        removed: dict[str, int] = {}
        for name in self._tables.versions():
            table = self._tables.stored(name)
            if len(table.files()) > MOST_FILES:
                joined[name] = table.compact()
            removed[name] = table.vacuum(KEPT, keep_version=shown.get(name))
        return MaintenanceOutcome(joined=joined, removed=removed)
