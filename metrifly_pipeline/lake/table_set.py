"""All Delta tables of one lake, each behind its one handle."""

import os
from collections.abc import Iterable
from pathlib import Path

from metrifly_pipeline.lake.durable import Fsync
from metrifly_pipeline.lake.stored_table import StoredTable
from metrifly_pipeline.lake.tables import SHAPES


class TableSet:
    """The Delta tables under `<root>/delta`; each is made when it is first used."""

    def __init__(self, root: Path, fsync: Fsync = os.fsync) -> None:
        self.folder = root / "delta"
        self._tables = {shape.name: StoredTable(self.folder / shape.name, shape, fsync) for shape in SHAPES}

    def stored(self, name: str) -> StoredTable:
        """The table of that name."""
        return self._tables[name]

    @property
    def raw(self) -> StoredTable:
        """The raw records."""
        return self._tables["raw_records"]

    def reload(self, names: Iterable[str] | None = None) -> None:
        """Show the newest version of these tables (of all for None)."""
        for name in self._tables if names is None else names:
            self._tables[name].reload()

    def versions(self) -> dict[str, int]:
        """Version that each handle shows, by table."""
        return {name: table.version for name, table in self._tables.items()}
