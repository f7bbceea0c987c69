"""A cell is read as exactly what stands in it, or not at all; a row keeps the line on which a person finds it."""

import re
import subprocess
import sys
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from metrifly_pipeline.domain.sheets import Column
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.spreadsheets import SpreadsheetFiles, files, workbooks

FILES = SpreadsheetFiles()
ROOT = Path(__file__).parents[3]
DAY = datetime(2024, 1, 31)  # noqa: DTZ001 - a spreadsheet's days have no zone
COLUMNS = [Column(name=name, meaning=f"What {name} means.", example="e") for name in ("kind", "quantity", "note")]


@pytest.fixture
def comma(tmp_path):
    """Read these bytes as CSV; the rows with their lines."""

    def read(content):
        file = tmp_path / "rows.csv"
        file.write_bytes(content)
        sheet = FILES.read(file)
        return [(row.line, list(filter(None, row.cells))) for row in (sheet.heading, *sheet.rows) if row]

    return read


@pytest.fixture
def book(tmp_path):
    """Read a sheet of these rows; the cells of each row, or why a cell says nothing."""

    def read(*rows, sheets=(), title="Sheet", formats=()):
        made = Workbook()
        made.active.title = title
        for row in rows:
            made.active.append(row)
        for cell, number_format in formats:
            made.active[cell].number_format = number_format
        for name in sheets:
            made.create_sheet(name).append(["another"])
        file = tmp_path / "rows.xlsx"
        made.save(file)
        sheet = FILES.read(file)
        return [
            [row.spoilt.get(place, text) for place, text in enumerate(row.cells)]
            for row in (sheet.heading, *sheet.rows)
            if row
        ]

    return read


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [(1, ["a", "b"]), (2, ["1", "2"])]),
        (b"a;b\r\n1,5;2\r\n", [(1, ["a", "b"]), (2, ["1,5", "2"])]),
        (b"\xef\xbb\xbfa,b\n1,2", [(1, ["a", "b"]), (2, ["1", "2"])]),
        (b"\n\na,b\n,\n  \n1,2\n\n3\n", [(3, ["a", "b"]), (6, ["1", "2"]), (8, ["3"])]),
        (b'a,b\r\n"1\r\n\n",2\r\n3,4\r\n', [(1, ["a", "b"]), (2, ["1\r\n\n", "2"]), (5, ["3", "4"])]),
        (b'a,b\n"say ""yes""; or, no",NA\nnull,1e5\n', [(1, ["a", "b"]), (2, ['say "yes"; or, no', "NA"]), (3, ["null", "1e5"])]),
        (b"a,b\n007,0.10000000000000000000001\n", [(1, ["a", "b"]), (2, ["007", "0.10000000000000000000001"])]),
        ("a,b\n=1+1,ż€币\n".encode(), [(1, ["a", "b"]), (2, ["=1+1", "ż€币"])]),
        (b"a,b\n1,2,3\n", [(1, ["a", "b"]), (2, ["1", "2", "3"])]),
        (b"", []),
        (b"\n \n", []),
    ],
)  # fmt: skip
def test_text_between_commas_is_read_as_it_stands_with_its_line(comma, content, rows):
    assert comma(content) == rows


def test_a_number_is_text_however_many_lines_stand_before_it(comma):
    rows = comma(b"a,b\n" + b"x,0.10\n" * 20_000)  # more than a parser looks at to guess

    assert {cells[1] for _, cells in rows[1:]} == {"0.10"}
    assert len(rows) == 20_001


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\nü,2\n".encode("latin-1"), "not text in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "not text in UTF-8"),
        (b"a,b\n1,\0\n", "not text in UTF-8"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "quotation mark that was opened on line 3 is never closed"),
        (b'a,b\n1,2\n"3"4,5\n', "line 3 something follows a closing quotation mark"),
        (b"a,b\n1,2\n" + b"3" * 200_000 + b",4\n", "line 3 is longer than any that is read"),
    ],
)
def test_what_is_no_text_between_commas_is_refused_with_the_reason(comma, content, told):
    with pytest.raises(RefusedError, match=told):
        comma(content)


def test_a_sheets_text_numbers_and_days_are_read_as_they_stand(book):
    assert book(
        ["a", "b", "c", None, "e"],
        [],
        ["0.10", 0.1, 42, None, DAY],
        [1e-8, -0.5, 12345678901234, True, DAY.replace(hour=12, minute=30, second=15)],
        [None, 1.0, 123456.789, "  ", "007"],
    ) == [
        ["a", "b", "c", "", "e"],
        ["0.10", "0.1", "42", "", "2024-01-31"],
        ["0.00000001", "-0.5", "12345678901234", "TRUE", "2024-01-31T12:30:15"],
        ["", "1", "123456.789", "  ", "007"],
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.3333333333333333, "spreadsheets drop what is beyond 15 digits"),
        (1 / 3, "type it again"),
        (123456789012345, "format the column as text"),
        (1.12345678901234, "15 digits"),
        (1e18, "15 digits"),
        ("=A1*2", "holds a formula"),
        ("#DIV/0!", "the spreadsheet's error"),
        (time(12, 30), "a time without a day"),
    ],
)
def test_a_cell_that_no_text_says_exactly_is_spoilt_and_says_why(book, value, told):
    (_, (_, spoilt, beside)) = book(["a", "b", "c"], ["x", value, "1.5"])

    assert told in spoilt
    assert beside == "1.5"


def test_a_percentage_is_spoilt_and_a_number_shown_shorter_is_not(book):
    assert book(["a"], [0.5], [0.123456], formats=[("A2", "0.00%"), ("A3", "0.00")]) == [
        ["a"],
        ["holds a percentage; put the number there, formatted as text"],
        ["0.123456"],
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(0.1)
@example(0.1 + 0.2)
@example(float("inf"))
def test_a_number_is_read_as_its_shortest_digits_or_not_at_all(value):
    text, wrong = workbooks._number(value)

    assert bool(text) != bool(wrong)
    if text:
        assert Decimal(text) == Decimal(repr(value))
        assert len(text.lstrip("-0.").replace(".", "")) < 15


def test_of_several_sheets_the_one_called_entries_is_read(book):
    assert book(["a"], ["1"], title="Entries", sheets=["More"]) == [["a"], ["1"]]
    assert book(["a"], ["1"], title="Anything") == [["a"], ["1"]]
    with pytest.raises(RefusedError, match=r"several sheets \(Anything, More\)"):
        book(["a"], ["1"], title="Anything", sheets=["More"])


def test_rows_behind_the_size_that_a_sheet_gives_itself_are_read(tmp_path):
    made = Workbook()
    for number in range(5):
        made.active.append([str(number)])
    made.save(tmp_path / "right.xlsx")
    with ZipFile(tmp_path / "right.xlsx") as right, ZipFile(tmp_path / "wrong.xlsx", "w") as wrong:
        for name in right.namelist():
            assert name != "xl/worksheets/sheet1.xml" or b'ref="A1:A5"' in right.read(name)
            wrong.writestr(name, right.read(name).replace(b'ref="A1:A5"', b'ref="A1:A2"'))

    assert [row.cells for row in FILES.read(tmp_path / "wrong.xlsx").rows] == [("1",), ("2",), ("3",), ("4",)]


def test_what_is_no_spreadsheet_is_refused(tmp_path):
    for name, content in (("a.xlsx", b"kind,date\n"), ("b.xlsx", b""), ("c.xlsx", b"PK\x03\x04 torn")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RefusedError, match="damaged, protected by a password"):
            FILES.read(tmp_path / name)
    with pytest.raises(RefusedError, match=r"neither \.csv nor \.xlsx"):
        FILES.read(tmp_path / "trades.xls")
    with pytest.raises(FileNotFoundError):
        FILES.read(tmp_path / "nowhere.csv")


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_bytes(b"a\n1\n2\n3\n")
    book = Workbook()
    book.active.append(["a"])
    book.save(tmp_path / "a.xlsx")
    assert len(FILES.read(file).rows) == 3  # the control

    monkeypatch.setattr(files, "MOST_ROWS", 2)
    with pytest.raises(RefusedError, match="3 rows, and at most 2 are read; split it"):
        FILES.read(file)
    monkeypatch.setattr(files, "MOST_BYTES", 5)
    with pytest.raises(RefusedError, match="8 bytes, and at most 5"):
        FILES.read(file)
    monkeypatch.undo()
    monkeypatch.setattr(workbooks, "MOST_UNPACKED", 100)
    with pytest.raises(RefusedError, match="holds too much"):
        FILES.read(tmp_path / "a.xlsx")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".XLSX"])
def test_a_template_explains_every_column_and_overwrites_nothing(tmp_path, suffix):
    file = tmp_path / f"template{suffix}"

    FILES.write(file, COLUMNS, [{"kind": "=1+1", "note": "a\nb"}])

    sheet = FILES.read(file)
    assert sheet.heading.cells[:3] == ("kind", "quantity", "note")
    rows = [row.cells[:3] for row in sheet.rows]
    assert ("=1+1", "", "a\nb") in rows
    if suffix == ".csv":
        said = "\n".join(row[0] for row in rows)
        assert all(row[0].startswith("#") for row in rows[:-1])
    else:
        said = "\n".join(str(cell.value) for row in load_workbook(file)["Columns"].rows for cell in row)
        entries = load_workbook(file)["Entries"]
        assert {entries.column_dimensions[letter].number_format for letter in "ABC"} == {"@"}
        assert [cell.comment.text for cell in entries[1]] == [column.meaning for column in COLUMNS]
    assert all(column.meaning in said for column in COLUMNS)
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        FILES.write(file, COLUMNS, [])
    assert file.read_bytes() == before


def test_who_imports_no_file_waits_for_no_library(tmp_path):
    for name in ("a.csv", "b.xlsx"):
        FILES.write(tmp_path / name, COLUMNS, [])
    script = (
        "import sys, pathlib, metrifly_pipeline.cli.main\n"
        "from metrifly_pipeline.spreadsheets import SpreadsheetFiles\n"
        "for name in sys.argv[1:]:\n"
        "    SpreadsheetFiles().read(pathlib.Path(name))\n"
        "    print('openpyxl' in sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.csv"), str(tmp_path / "b.xlsx")]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert ended.stdout.splitlines() == ["False", "True"]


@given(st.text(st.sampled_from('",;\r\n a1\\\t#=\ufeff'), max_size=30) | st.text(max_size=30))
@example('"')
@example("\r")
@example(",\n")
@example('a"b,c\n"d"e')
def test_whatever_stands_in_a_file_is_read_with_lines_that_rise_or_refused(text):
    with TemporaryDirectory() as folder:
        file = Path(folder) / "any.csv"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            sheet = FILES.read(file)
        except RefusedError:
            return
    rows = [row for row in (sheet.heading, *sheet.rows) if row]
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert all(isinstance(cell, str) for row in rows for cell in row.cells)
    assert all(1 <= line <= 1 + len(re.findall(r"\r\n|\r|\n", text)) for line in lines)
