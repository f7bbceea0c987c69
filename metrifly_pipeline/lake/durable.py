"""What is committed must survive a power cut: Delta renames files and links its log entry, but never calls fsync."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

Fsync = Callable[[int], None]
"""Writes what an open file descriptor names to the disk, as `os.fsync` does."""

_LOOK_BACK = 8
"""Log entries that the first settling of a process goes over again: one that was killed may have left them unwritten."""


class Durability:
    """Settles one table's commits: added files first, then the log entries that name them, then both directories."""

    def __init__(self, folder: Path, fsync: Fsync) -> None:
        self._folder = folder
        self._log = folder / "_delta_log"
        self._fsync = fsync
        self._settled: int | None = None

    def settle(self, version: int) -> None:
        """Return once every commit up to `version` is on the disk."""
        first = version - _LOOK_BACK if self._settled is None else self._settled + 1
        entries = [entry for number in range(max(first, 0), version + 1) if (entry := self._entry(number)).exists()]
        for entry in entries:
            for added in _added_files(entry):
                self._sync(self._folder / added)
        for entry in entries:
            self._sync(entry)
            checkpoint = entry.with_suffix(".checkpoint.parquet")
            if checkpoint.exists():
                self._sync(checkpoint)
                self._sync(self._log / "_last_checkpoint")
        self._sync(self._folder)
        self._sync(self._log)
        self._settled = version

    def _entry(self, number: int) -> Path:
        return self._log / f"{number:020d}.json"

    def _sync(self, path: Path) -> None:
        sync_path(path, self._fsync)


def sync_path(path: Path, fsync: Fsync) -> None:
    """Write a file or a directory to the disk; one that is gone (compacted and vacuumed meanwhile) needs it no more."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)


def _added_files(entry: Path) -> Iterator[str]:
    with entry.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"add"'):
                yield unquote(json.loads(line)["add"]["path"])
