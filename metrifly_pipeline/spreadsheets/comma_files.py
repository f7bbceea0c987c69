"""CSV: comma or semicolon, UTF-8 with or without its mark, any line ends, quoted fields that go over several lines."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from metrifly_pipeline.domain.sheets import Column, Sheet, SheetRow
from metrifly_pipeline.domain.trouble import RefusedError


def read(file: Path) -> Sheet:
    """Every row that holds anything, with the line on which it begins."""
    text = _decoded(file)
    rows = [SheetRow(line, tuple(cells)) for line, cells in _parsed(text, file.name) if any(map(str.strip, cells))]
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


def _parsed(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of every row, empty rows included, with the line on which it begins: a quoted field may hold line ends."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _broken(str(error), name, line) from None


def _delimiter(text: str) -> str:
    """Names of columns hold neither sign, so the heading tells."""
    heading = text.lstrip().split("\n", 1)[0]
    return ";" if heading.count(";") > heading.count(",") else ","


def _broken(error: str, name: str, line: int) -> RefusedError:
    if "unexpected end" in error:
        return RefusedError(f"{name} can't be read: a quotation mark that was opened on line {line} is never closed")
    if "field larger" in error:
        return RefusedError(f"{name} can't be read: a cell of the row on line {line} is longer than any that is read")
    return RefusedError(f"{name} can't be read: in the row on line {line} something follows a closing quotation mark")
