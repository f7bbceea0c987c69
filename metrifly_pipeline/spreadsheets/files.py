"""Which kind of file it is, and how much of one is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from metrifly_pipeline.domain.sheets import Column, Sheet
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.spreadsheets import comma_files, workbooks

MOST_BYTES = 50_000_000
MOST_ROWS = 200_000


class _Kind(Protocol):
    """What a module for one kind of file has."""

    def read(self, file: Path) -> Sheet: ...
    def write(self, file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None: ...


_KINDS: Mapping[str, _Kind] = {".csv": comma_files, ".xlsx": workbooks}


class SpreadsheetFiles:
    """`domain.ports.Spreadsheets` on the file system."""

    def read(self, file: Path) -> Sheet:
        """The whole table; RefusedError where it is none, or too large; OSError where the file can't be had."""
        kind = _kind(file)
        size = file.stat().st_size
        if size > MOST_BYTES:
            message = (
                f"{file.name} has {size:,} bytes, and at most {MOST_BYTES:,} are read; split it into several files"
            )
            raise RefusedError(message)
        sheet = kind.read(file)
        if len(sheet.rows) > MOST_ROWS:
            message = f"{file.name} has {len(sheet.rows):,} rows, and at most {MOST_ROWS:,} are read; split it into several files"
            raise RefusedError(message)
        return sheet

    def write(self, file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
        """Make a new file; FileExistsError where it is there already."""
        kind = _kind(file)
        file.touch(exist_ok=False)
        kind.write(file, columns, rows)


def _kind(file: Path) -> _Kind:
    found = _KINDS.get(file.suffix.lower())
    if found is None:
        raise RefusedError(f"{file.name} is neither .csv nor .xlsx; save it as one of these")
    return found
