"""Cutting a table's log: what lies behind a version goes, and a checkpoint stands for it.

Handles that show an older version can still be brought up to date (tried): Delta takes the checkpoint where entries are missing.
"""

from collections.abc import Iterator
from pathlib import Path

from deltalake import DeltaTable

from metrifly_pipeline.lake.durable import Fsync, sync_path

_DIGITS = 20


def entries_since(log: Path, version: int) -> Iterator[Path]:
    """Entries of the log from a version on."""
    return (path for path in _numbered(log) if path.suffix == ".json" and _number(path) >= version)


def cut_log(folder: Path, version: int, fsync: Fsync) -> None:
    """Remove all that the log of the table in `folder` says before a version; older versions can't be read any more.

    Killed on the way, it leaves a log that reads the same; the checkpoint is on the disk before anything goes.
    """
    log = folder / "_delta_log"
    older = [path for path in _numbered(log) if _number(path) < version]
    if not older:
        return
    DeltaTable(str(folder), version=version).create_checkpoint()
    sync_path(log / f"{version:0{_DIGITS}d}.checkpoint.parquet", fsync)
    sync_path(log / "_last_checkpoint", fsync)
    sync_path(log, fsync)
    for path in older:
        path.unlink(missing_ok=True)
    sync_path(log, fsync)


def _numbered(log: Path) -> list[Path]:
    return sorted(path for path in log.iterdir() if path.name[:_DIGITS].isdecimal())


def _number(path: Path) -> int:
    return int(path.name[:_DIGITS])
