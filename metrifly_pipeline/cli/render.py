"""How listings look: plain aligned tables for people (readable at 100 columns), JSON for programs."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 100
"""Where output is not a terminal."""


def console(*, error: bool = False) -> Console:
    """A console that takes our text literally: no markup, no highlighting, 100 columns where there is no terminal."""
    made = Console(stderr=error, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = WIDTH
    return made


def say(text: str = "") -> None:
    """One paragraph on standard output, wrapped to the width."""
    console().print(Text(printable(text)))


def item(text: str, indent: int = 2) -> None:
    """The same, indented."""
    console().print(Padding(Text(printable(text)), (0, 0, 0, indent), expand=False))


def numbered(steps: Sequence[str], indent: int = 2) -> None:
    """Steps in order; a long one goes on under its own beginning."""
    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(justify="right", no_wrap=True)
    made.add_column(overflow="fold")
    for number, step in enumerate(steps, start=1):
        made.add_row(f"{number}.", Text(printable(step)))
    console().print(Padding(made, (0, 0, 0, indent), expand=False))


def paste(text: str, indent: int = 2) -> None:
    """A line to copy: never wrapped."""
    typer.echo(" " * indent + printable(text))


def complain(text: str) -> None:
    """One paragraph on standard error."""
    console(error=True).print(Text(printable(text)))


def heading(text: str) -> None:
    """A line above a table."""
    console().print(Text(printable(text), style="bold"))


def printable(text: str) -> str:
    """A label or an exchange's text can't move the cursor or ring the bell of who reads it."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


@dataclasses.dataclass(frozen=True, slots=True)
class Col:
    """A column: its heading; numbers stand to the right; an id is never cut or wrapped."""

    name: str
    right: bool = False
    whole: bool = False


def table(columns: Sequence[Col], rows: Iterable[Sequence[object]], indent: int = 0, gap: int = 2) -> None:
    """Print rows under their headings, which are never wrapped, `gap` blanks apart."""
    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(
            column.name,
            min_width=cell_len(column.name),
            justify="right" if column.right else "left",
            no_wrap=column.right or column.whole,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(Text(printable(words(cell))) for cell in row))
    console().print(Padding(made, (0, 0, 0, indent), expand=False))


def wide_table(columns: Sequence[Col], rows: Sequence[Sequence[str]]) -> None:
    """Print rows as wide as they are, one line each, quickly: an answer may have a hundred thousand of them."""
    lines = [
        [column.name for column in columns],
        *([printable(cell).replace("\n", " ") for cell in row] for row in rows),
    ]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        padded = (
            f"{' ' * (width - cell_len(cell))}{cell}" if column.right else f"{cell}{' ' * (width - cell_len(cell))}"
            for column, cell, width in zip(columns, line, widths, strict=True)
        )
        typer.echo("  ".join(padded).rstrip())


def words(value: object) -> str:
    """One value as a person reads it."""
    match value:
        case None:
            return "-"
        case Enum():
            return str(value.value).replace("_", " ")
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case Decimal():
            return digits(value)
        case _:
            return str(value)


def digits(value: Decimal) -> str:
    """All digits, without an exponent and without zeros that say nothing."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(first: datetime | None, last: datetime | None) -> str:
    """From which day to which."""
    return "-" if first is None or last is None else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def count(number: int, noun: str, many: str = "") -> str:
    """`1 trade`, `2,500 trades`; `many` where an s is not all."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {many or f'{noun}s'}"


def print_json(value: object) -> None:
    """Plain JSON: decimals as text, times in ISO 8601."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: object) -> object:
    """A value that JSON can say; what it can't becomes text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return _scalar(value)


def _scalar(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)
