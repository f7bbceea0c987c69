"""A table out of a person's file: its heading and its rows, every cell as text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row that holds anything."""

    line: int
    """Where it stands: the number that an editor or a spreadsheet shows beside it."""
    cells: tuple[str, ...]
    """As they stand, from the first column on; `""` where nothing is."""
    spoilt: Mapping[int, str] = field(default_factory=dict)
    """Places of cells that no text says exactly, and why."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first row that holds anything is the heading."""

    heading: SheetRow | None
    rows: Sequence[SheetRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a file that people fill in."""

    name: str
    meaning: str
    example: str
