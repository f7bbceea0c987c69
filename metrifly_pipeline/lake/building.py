"""Builds one catalogue file: views over the Delta tables' files as they are now, and the small tables in it.

Most of a catalogue is the same in every one: tables, views and comments lie ready in a template, which a publish copies and fills.
"""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa

from metrifly_pipeline.domain.entry_rows import EntryRow
from metrifly_pipeline.domain.lake_rows import Column, SmallTable
from metrifly_pipeline.lake.catalogue import TABLE_COMMENTS, column_comment
from metrifly_pipeline.lake.engine import Instance, path_list, script
from metrifly_pipeline.lake.entries import ENTRIES, entries_table
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import (
    AMOUNT,
    BALANCES,
    MOMENT,
    MOVEMENTS,
    QUARANTINE,
    RAW_RECORDS,
    REFERENCE,
    TEXT,
    TRADES,
    TableShape,
    literal,
    quoted,
)

STORAGE_VERSION = "v1.4.0"
"""So that DuckDB 1.4 opens the file, too; what DuckDB 2 writes by default it can't."""
_SHOWN = (TRADES, MOVEMENTS, BALANCES, QUARANTINE, REFERENCE)
NO_SUMS = pa.schema(
    [pa.field("connection_id", TEXT), pa.field("asset", TEXT), pa.field("amount", AMOUNT)]
).empty_table()
_COUNTED = {
    "trades": "SELECT count(*) FROM _trades WHERE version = 1",
    "movements": "SELECT count(*) FROM _movements WHERE version = 1 AND kind NOT IN ('trade_fee', 'trade_leg')",
}
_WITH_SUGGESTION = """
SELECT *, CASE
    WHEN difference IS NULL THEN 'Too large to add up.'
    WHEN difference = 0 THEN ''
    ELSE 'An entry of ' || if(difference > 0, '+', '')
        || rtrim(rtrim(CAST(difference AS VARCHAR), '0'), '.') || ' ' || asset || ' would close the gap.'
END AS suggested_entry FROM ({})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a catalogue is made of beside the Delta tables."""

    small: Sequence[SmallTable]
    entries: Sequence[EntryRow]
    meta: Mapping[str, object]
    sums: pa.Table


def build_catalogue(instance: Instance, path: Path, template: Path, tables: TableSet, given: Given) -> dict[str, int]:
    """Write a whole catalogue to `path`, from the template for what is given; returns how many rows its tables have.

    Everything is read from the versions that the handles of `tables` show, so all views of one file agree.
    """
    shutil.copyfile(template, path)
    with attached(instance, path) as connection:
        builder = Builder(connection)
        for table in given.small:
            builder.fill(table)
        builder.fill_entries(given.entries)
        for shape in _SHOWN:
            builder.show_files(shape, [file.path for file in tables.stored(shape.name).files()])
        builder.fill_sums(given.sums, [file.path for file in tables.raw.files()])
        builder.add_meta(given.meta, tables.versions())
        return builder.count()


@contextmanager
def attached(instance: Instance, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the file attached, in one transaction."""
    with instance.attached(path, f"STORAGE_VERSION {literal(STORAGE_VERSION)}") as connection:
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")


class Builder:
    """Fills one attached file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def add(self, table: SmallTable) -> None:
        """Make a native table."""
        columns = ", ".join(f"{quoted(column.name)} {column.sql_type}" for column in table.columns)
        self._connection.execute(f"CREATE TABLE {quoted(table.name)} ({columns})")

    def fill(self, table: SmallTable) -> None:
        """Write a native table's rows; values arrive as they are and are cast to the column's type."""
        if not table.rows:
            return
        values = [
            _values(column, given) for column, given in zip(table.columns, zip(*table.rows, strict=True), strict=True)
        ]
        casts = ", ".join(
            f"CAST({quoted(str(place))} AS {column.sql_type})" for place, column in enumerate(table.columns)
        )
        with self._arriving(pa.table(values, names=[str(place) for place in range(len(values))])):
            self._connection.execute(f"INSERT INTO {quoted(table.name)} SELECT {casts} FROM arriving")

    def fill_entries(self, entries: Sequence[EntryRow]) -> None:
        """Write what was recorded by hand."""
        with self._arriving(entries_table(entries)):
            self._connection.execute(f"INSERT INTO {ENTRIES} SELECT * FROM arriving")

    def show_files(self, shape: TableShape, paths: Sequence[str]) -> None:
        """Let a view show explicit files: a glob would see half-written and removed ones. Views and comments that build on it stay."""
        source = f"SELECT * FROM read_parquet({path_list(paths)})" if paths else shape.empty_select()
        self._connection.execute(f"CREATE OR REPLACE MACRO {_files_of(shape)}() AS TABLE {source}")

    def add_views(self) -> None:
        """Make all views, over no files yet, and the tables that are stored as sums."""
        with self._arriving(entries_table([])):
            self._connection.execute(f"CREATE TABLE {ENTRIES} AS SELECT * FROM arriving")
        for shape in _SHOWN:
            self.show_files(shape, [])
            self._connection.execute(f"CREATE VIEW {quoted('_' + shape.name)} AS SELECT * FROM {_files_of(shape)}()")
        self._connection.execute(script("views_ledger"))
        self._connection.execute(script("views_portfolio"))
        with self._summing(NO_SUMS, []):
            for name, select in _SUMMED.items():
                self._connection.execute(f"CREATE TABLE {name} AS {select()}")

    def fill_sums(self, sums: pa.Table, raw: Sequence[str]) -> None:
        """Write what is stored as sums: positions and reconciliation."""
        with self._summing(sums, raw):
            for name, select in _SUMMED.items():
                self._connection.execute(f"INSERT INTO {name} {select()}")

    @contextmanager
    def _summing(self, sums: pa.Table, raw: Sequence[str]) -> Iterator[None]:
        """Let scripts read sums of the legs as `_sums`, and when balances were asked for as `_snapshots`."""
        source = f"SELECT * FROM read_parquet({path_list(raw)})" if raw else RAW_RECORDS.empty_select()
        self._connection.execute(
            f"CREATE TEMP VIEW _snapshots AS SELECT connection_id, fetched_at FROM ({source}) WHERE stream = 'balances'"
        )
        self._connection.register("_sums", sums)
        yield
        self._connection.unregister("_sums")
        self._connection.execute("DROP VIEW temp._snapshots")

    @contextmanager
    def _arriving(self, table: pa.Table) -> Iterator[None]:
        self._connection.register("arriving", table)
        yield
        self._connection.unregister("arriving")

    def add_meta(self, meta: Mapping[str, object], versions: Mapping[str, int]) -> None:
        """Write the one row that says what this file shows."""
        values = {
            **meta,
            "product_version": version("metrifly-pipeline"),
            **{f"{name}_version": number for name, number in versions.items()},
        }
        kinds = {"published_at": "TIMESTAMPTZ", "stale_after": "TIMESTAMPTZ", "product_version": "VARCHAR"}
        columns = ", ".join(f"CAST(? AS {kinds.get(name, 'BIGINT')}) AS {quoted(name)}" for name in values)
        self._connection.execute(f"CREATE TABLE _meta AS SELECT {columns}", list(values.values()))
        comments = [f"COMMENT ON TABLE _meta IS {literal(TABLE_COMMENTS['_meta'])}"]
        comments += [_comment_on("_meta", name, column_comment("_meta", name)) for name in values]
        self._connection.execute(";".join(comments))

    def add_comments(self, small: Mapping[str, SmallTable]) -> None:
        """Explain every table and every column."""
        statements = []
        views = set(self._names(_VIEW_NAMES))
        for table in self._names(f"{_VIEW_NAMES} UNION ALL {_TABLE_NAMES}"):
            given = small.get(table)
            words = given.comment if given else TABLE_COMMENTS.get(table, "")
            kind = "VIEW" if table in views else "TABLE"
            statements.append(f"COMMENT ON {kind} {quoted(table)} IS {literal(words)}")
        for table, column in self._connection.execute(_COLUMNS).fetchall():
            words = _given_comment(small.get(table), column) or column_comment(table, column)
            statements.append(_comment_on(table, column, words))
        self._connection.execute(";".join(statements))

    def count(self) -> dict[str, int]:
        """Rows of each table, for what a person is told after a publish; views made of others are left out."""
        counted = {
            name: f"SELECT count(*) FROM {quoted(name)}" for name in self._names(_TABLE_NAMES) if name != "_meta"
        }
        counted |= {name: f"SELECT count(*) FROM {name}" for name in ("balances", "quarantine")} | _COUNTED
        rows = {name: self._connection.execute(sql).fetchone() for name, sql in sorted(counted.items())}
        return {name: row[0] for name, row in rows.items() if row is not None}

    def _names(self, sql: str) -> list[str]:
        return [name for (name,) in self._connection.execute(sql).fetchall()]


_TABLE_NAMES = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal"
_VIEW_NAMES = (
    "SELECT view_name AS table_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal"
)
_COLUMNS = (
    "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal"
)
_SUMMED: Mapping[str, Callable[[], str]] = {
    "positions": lambda: script("positions"),
    "reconciliation": lambda: _WITH_SUGGESTION.format(script("reconciliation")),
}


def _files_of(shape: TableShape) -> str:
    return quoted(f"_files_of_{shape.name}")


def _comment_on(table: str, column: str, words: str) -> str:
    return f"COMMENT ON COLUMN {quoted(table)}.{quoted(column)} IS {literal(words)}"


def _given_comment(table: SmallTable | None, column: str) -> str:
    columns: Iterable[Column] = table.columns if table else ()
    return next((each.comment for each in columns if each.name == column), "")


def _values(column: Column, given: Sequence[object]) -> pa.Array:
    values = pa.array(given)
    is_number_of_micros = column.sql_type == "TIMESTAMPTZ" and pa.types.is_integer(values.type)
    return values.cast(MOMENT) if is_number_of_micros else values
