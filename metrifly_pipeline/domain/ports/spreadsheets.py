"""The spreadsheets' room: files that people fill in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from metrifly_pipeline.domain.sheets import Column, Sheet


class Spreadsheets(Protocol):
    """Reads and writes tables as `.csv` and `.xlsx`, by the file's suffix. Every call may raise RefusedError or OSError."""

    def read(self, file: Path) -> Sheet:
        """The whole table, each cell as the text that it says exactly."""

    def write(self, file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
        """Make a new file: heading, what each column means, and rows; FileExistsError where it is there already."""
