"""How far each app id has come in a table: read from the log's own entries, once for all app ids.

Delta's `transaction_version` goes through the log for every app id anew: 50 connections would cost more than their sync. The
answer here is exactly that of the version asked for, since entries never change.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from deltalake import DeltaTable


class Marks:
    """The app transactions of one table, as of the version that its handle shows."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "_delta_log"
        self._version: int | None = None
        self._known: dict[str, int] = {}

    def at(self, handle: DeltaTable, app_id: str) -> int | None:
        """The mark of `app_id` at the handle's version; None where it never committed."""
        version = handle.version()
        if not self._follow(version):
            self._version, self._known = self._checkpoint(version)
            if not self._follow(version):  # the log was cleaned in a way that only Delta can make sense of
                self._version = None
                return handle.transaction_version(app_id)
        return self._known.get(app_id)

    def _follow(self, version: int) -> bool:
        """Read the entries up to `version`; False where that isn't ahead, or one of them was cleaned away."""
        if self._version is None or self._version > version:
            return False
        for number in range(self._version + 1, version + 1):
            entry = self._log / f"{number:020d}.json"
            if not entry.exists():
                return False
            self._known.update(_marks(entry))
            self._version = number
        return True

    def _checkpoint(self, version: int) -> tuple[int, dict[str, int]]:
        """What the newest plain checkpoint up to `version` says; nothing before the first entry where there is none."""
        pointer = self._log / "_last_checkpoint"
        if not pointer.exists():
            return -1, {}
        told: dict[str, Any] = json.loads(pointer.read_text(encoding="utf-8"))
        file = self._log / f"{told['version']:020d}.checkpoint.parquet"
        if told["version"] > version or not file.exists():
            return -1, {}
        rows = pq.read_table(file, columns=["txn"])["txn"].drop_null().to_pylist()
        return told["version"], {row["appId"]: row["version"] for row in rows if row["appId"] is not None}


def _marks(entry: Path) -> Iterator[tuple[str, int]]:
    with entry.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"txn"'):
                told = json.loads(line)["txn"]
                yield told["appId"], told["version"]
