"""CSV: comma or semicolon, UTF-8 with or without its mark, any line ends, quoted fields that go over several lines."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from metrifly_pipeline.domain.sheets import Column, Sheet, SheetRow
from metrifly_pipeline.domain.trouble import RefusedError

WIDTH = 40
"""More cells than any row of ours has: what is too much is then seen by the row that has it."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_PLACE = re.compile(r"(?:line|row) (\d+)")


def read(file: Path) -> Sheet:
    """Every row that holds anything, with the line on which it begins."""
    text = _decoded(file)
    rows = [
        SheetRow(line, tuple(cells))
        for line, cells in _numbered(_parsed(text, file.name))
        if any(map(str.strip, cells))
    ]
    return Sheet(rows[0] if rows else None, rows[1:])


def write(file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
    """Heading, a line for each column that says what it means, an example, rows. The mark tells Excel that it is UTF-8."""
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow([column.name for column in columns])
        writer.writerows([f"# {column.name}: {column.meaning}"] for column in columns)
        first, *others = (column.example for column in columns)
        writer.writerow([f"# {first}", *others])
        writer.writerows([[row.get(column.name, "") for column in columns] for row in rows])


def _decoded(file: Path) -> str:
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        message = f"{file.name} is not text in UTF-8; save it as CSV UTF-8, or as .xlsx"
        raise RefusedError(message)
    return text


def _parsed(text: str, name: str) -> list[list[str]]:
    """The cells of every row, empty rows included, all of one width."""
    import pandas as pd  # noqa: PLC0415 - it takes longer to import than most commands take

    if not text.strip():
        return []
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=_delimiter(text),
            header=None,
            names=range(WIDTH),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except pd.errors.ParserError as error:
        raise _broken(str(error), name) from None
    cells: list[list[str]] = frame.to_numpy().tolist()
    return cells


def _delimiter(text: str) -> str:
    """Names of columns hold neither sign, so the heading tells."""
    heading = text.lstrip().split("\n", 1)[0]
    return ";" if heading.count(";") > heading.count(",") else ","


def _broken(error: str, name: str) -> RefusedError:
    found = _PLACE.search(error)
    if "EOF inside string" in error:
        where = f" by row {int(found[1]) + 1}" if found else ""
        return RefusedError(f"{name} can't be read: a quotation mark that was opened{where} is never closed")
    where = f"line {found[1]}" if found else "one line"
    return RefusedError(f"{name} can't be read: {where} has more than {WIDTH} cells")


def _numbered(rows: Sequence[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins: a quoted field may hold line ends."""
    line = 1
    for cells in rows:
        yield line, cells
        line += 1 + sum(len(_LINE_END.findall(cell)) for cell in cells if "\n" in cell or "\r" in cell)
