"""The data dictionary: every published table and column in words, made from the comments in the catalogue itself."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter

Query = Callable[[str], tuple[Sequence[str], Sequence[Sequence[object]]]]
"""Asks the published catalogue, as `Lake.query` does."""

_TABLES = """
SELECT table_name AS name, comment FROM duckdb_tables() WHERE NOT internal
UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal
"""
_COLUMNS = """
SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal
ORDER BY starts_with(table_name, '_'), table_name, column_index
"""
_HEAD = """# Data dictionary

Every table of `warehouse/metrifly.duckdb`. The same words stand in the file itself (`SELECT * FROM duckdb_columns()`). Times are
`TIMESTAMP WITH TIME ZONE` in UTC and microseconds, days are UTC, amounts are `DECIMAL(38,18)` and exact. Tables whose name begins with
an underscore are what the others are made of; `_meta` says when the file was published and from what.
"""


def data_dictionary(query: Query) -> str:
    """The dictionary of the published catalogue, as Markdown."""
    comments = dict(_pairs(query(_TABLES)[1]))
    columns = [tuple(map(str, row)) for row in query(_COLUMNS)[1]]
    sections = [_section(table, comments[table], rows) for table, rows in groupby(columns, key=itemgetter(0))]
    return "\n".join([_HEAD, *sections])


def _pairs(rows: Iterable[Sequence[object]]) -> Iterable[tuple[str, str]]:
    return ((str(name), str(comment)) for name, comment in rows)


def _section(table: str, comment: str, rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| `{name}` | {kind} | {_cell(words)} |" for _, name, kind, words in rows]
    return "\n".join([f"## {table}", "", comment, "", "| column | type | meaning |", "|---|---|---|", *lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
