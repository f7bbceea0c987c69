"""XLSX: one sheet, each cell as the text that it says exactly, or the reason why there is none."""

import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from metrifly_pipeline.domain.sheets import Column, Sheet, SheetRow
from metrifly_pipeline.domain.trouble import RefusedError

ENTRIES = "Entries"
MEANINGS = "Columns"
MOST_UNPACKED = 500_000_000
KEPT_DIGITS = 15
"""Spreadsheets keep so many digits of a number and drop the rest, which nothing in the file tells."""
_TEXT = "@"
_WIDE, _WIDEST = 18, 90


def read(file: Path) -> Sheet:
    """Every row that holds anything of the sheet Entries, or of the only sheet."""
    from openpyxl import load_workbook  # noqa: PLC0415 - only an import of such a file needs it

    with file.open("rb") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of features of the file that hold no cells
        try:
            _refuse_bombs(file, zipfile.ZipFile(opened))
            book = load_workbook(opened, read_only=True, keep_links=False)
            rows = _rows(_sheet(book, file.name))
        except RefusedError:
            raise
        except Exception:  # noqa: BLE001 - a damaged file breaks the library in any way
            message = f"{file.name} can't be read as .xlsx: it is damaged, protected by a password, or something else"
            raise RefusedError(message) from None
    return Sheet(rows[0] if rows else None, rows[1:])


def write(file: Path, columns: Sequence[Column], rows: Sequence[Mapping[str, str]]) -> None:
    """A sheet to fill in, every cell formatted as text, and one that says what each column means."""
    from openpyxl import Workbook  # noqa: PLC0415 - as above
    from openpyxl.comments import Comment  # noqa: PLC0415
    from openpyxl.styles import Font  # noqa: PLC0415

    book = Workbook()
    sheet = book.active
    sheet.title = ENTRIES
    sheet.freeze_panes = "A2"
    for place, column in enumerate(columns, start=1):
        heading = _put(sheet, 1, place, column.name)
        heading.font = Font(bold=True)
        heading.comment = Comment(column.meaning, "Metrifly", height=140, width=320)
        shape = sheet.column_dimensions[heading.column_letter]
        shape.width, shape.number_format = _WIDE, _TEXT
    for line, row in enumerate(rows, start=2):
        for place, column in enumerate(columns, start=1):
            if row.get(column.name):
                _put(sheet, line, place, row[column.name])
    _write_meanings(book.create_sheet(MEANINGS), columns)
    book.save(file)


def _write_meanings(sheet: Any, columns: Sequence[Column]) -> None:
    lines = [("column", "what it means", "example"), *((each.name, each.meaning, each.example) for each in columns)]
    for line, words in enumerate(lines, start=1):
        for place, text in enumerate(words, start=1):
            _put(sheet, line, place, text)
    for letter, width in (("A", _WIDE), ("B", _WIDEST), ("C", _WIDE)):
        sheet.column_dimensions[letter].width = width


def _put(sheet: Any, line: int, place: int, text: str) -> Any:
    cell = sheet.cell(line, place, text)
    cell.data_type = "s"  # also where it begins like a formula
    cell.number_format = _TEXT
    return cell


def _refuse_bombs(file: Path, packed: zipfile.ZipFile) -> None:
    if sum(each.file_size for each in packed.infolist()) > MOST_UNPACKED:
        raise RefusedError(f"{file.name} holds too much to be read; split it into several files")


def _sheet(book: Any, name: str) -> Any:
    names = book.sheetnames
    if ENTRIES not in names and len(names) > 1:
        message = f"{name} has several sheets ({', '.join(names)}); call the one to import {ENTRIES}"
        raise RefusedError(message)
    sheet = book[ENTRIES if ENTRIES in names else names[0]]
    sheet.reset_dimensions()  # what a file says of its own size may be wrong, and rows behind it would be lost
    return sheet


def _rows(sheet: Any) -> list[SheetRow]:
    found = []
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        row = _row(line, cells)
        if row.spoilt or any(map(str.strip, row.cells)):
            found.append(row)
    return found


def _row(line: int, cells: Iterable[Any]) -> SheetRow:
    texts, spoilt = [], {}
    for place, cell in enumerate(cells):
        text, wrong = _read(cell)
        texts.append(text)
        if wrong:
            spoilt[place] = wrong
    return SheetRow(line, tuple(texts), spoilt)


def _read(cell: Any) -> tuple[str, str]:
    """What a cell says, or why it can't be said."""
    value, number_format = cell.value, ""
    if value is None:
        return "", ""
    if cell.data_type == "f":
        return "", "holds a formula; put its value there, formatted as text"
    if cell.data_type == "e":
        return "", f"holds the spreadsheet's error {value}"
    if isinstance(value, bool):
        return str(value).upper(), ""
    if isinstance(value, int | float):
        number_format = cell.number_format or ""
    return _said(value, number_format)


def _said(value: object, number_format: str) -> tuple[str, str]:
    match value:
        case datetime():
            return (f"{value:%Y-%m-%d}" if value.time() == time() else value.isoformat()), ""
        case int() | float() if "%" in number_format:
            return "", "holds a percentage; put the number there, formatted as text"
        case int() | float():
            return _number(value)
        case str():
            return value, ""
        case _:
            return "", "holds a time without a day; format it as text"


def _number(value: float) -> tuple[str, str]:
    """The digits that were typed, as far as a binary number can tell."""
    text = f"{Decimal(repr(value)):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.lstrip("-0.").replace(".", "")) >= KEPT_DIGITS or not text.strip("-").replace(".", "").isdecimal():
        message = (
            f"holds the number {text[:40]}, and spreadsheets drop what is beyond {KEPT_DIGITS} digits; "
            "format the column as text and type it again"
        )
        return "", message
    return text, ""
