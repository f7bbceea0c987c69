"""Builds one catalogue file: views over the Delta tables' files as they are now, and the small tables in it."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted`, `literal` and `listed` only

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa

from metrifly_pipeline.domain.entry_rows import EntryRow
from metrifly_pipeline.domain.lake_rows import Column, Room, SmallTable
from metrifly_pipeline.lake.catalogue import TABLE_COMMENTS, column_comment
from metrifly_pipeline.lake.engine import path_list, script
from metrifly_pipeline.lake.entries import ENTRIES, entries_table
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import (
    BALANCES,
    MOVEMENTS,
    QUARANTINE,
    RAW_RECORDS,
    REFERENCE,
    TRADES,
    literal,
    quoted,
)

STORAGE_VERSION = "v1.4.0"
"""So that DuckDB 1.4 opens the file, too; what DuckDB 2 writes by default it can't."""
_SHOWN = (TRADES, MOVEMENTS, BALANCES, QUARANTINE, REFERENCE)
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
_NO_CONNECTIONS = SmallTable(
    name="connections",
    comment=TABLE_COMMENTS["connections"],
    columns=tuple(
        Column(name=name, sql_type="VARCHAR", comment=column_comment("connections", name))
        for name in ("connection_id", "portfolio_id", "account_id")
    ),
    rows=(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a catalogue is made of beside the Delta tables."""

    small: Sequence[SmallTable]
    entries: Sequence[EntryRow]
    meta: Mapping[str, object]
    sums: pa.Table


def build_catalogue(path: Path, tables: TableSet, rooms: Mapping[str, Room], given: Given) -> dict[str, int]:
    """Write a whole catalogue to `path`; returns how many rows its tables have.

    Everything is read from the versions that the handles of `tables` show, so all views of one file agree.
    """
    with duckdb.connect() as connection:
        builder = _Builder(connection, tables)
        connection.execute(f"ATTACH {literal(str(path))} AS catalogue (STORAGE_VERSION {literal(STORAGE_VERSION)})")
        connection.execute("USE catalogue")
        connection.execute("BEGIN")
        connection.execute("SET TimeZone = 'UTC'")
        small = {table.name: table for table in given.small}
        for table in (*small.values(), *([] if "connections" in small else [_NO_CONNECTIONS]), alias_table(rooms)):
            builder.add_small(table)
        builder.add_entries(given.entries)
        builder.add_views()
        builder.add_sums(given.sums)
        builder.add_meta(given.meta)
        builder.add_comments(small)
        rows = builder.count()
        connection.execute("COMMIT")
        connection.execute("USE memory")
        connection.execute("DETACH catalogue")
    return rows


def alias_table(rooms: Mapping[str, Room]) -> SmallTable:
    """The aliases of all rooms as a small table."""
    columns = (("exchange", "VARCHAR"), ("code", "VARCHAR"), ("asset", "VARCHAR"), ("wallet", "VARCHAR"))
    spans = (("valid_from", "TIMESTAMPTZ"), ("valid_to", "TIMESTAMPTZ"), ("source", "VARCHAR"))
    name = "asset_aliases"
    return SmallTable(
        name=name,
        comment=TABLE_COMMENTS[name],
        columns=tuple(
            Column(name=column, sql_type=kind, comment=column_comment(name, column)) for column, kind in columns + spans
        ),
        rows=[
            (
                room.exchange,
                alias.code,
                alias.asset,
                alias.wallet or None,
                alias.valid_from,
                alias.valid_to,
                alias.source,
            )
            for _, room in sorted(rooms.items())
            for alias in sorted(room.aliases, key=lambda alias: (alias.asset, alias.code))
        ],
    )


class _Builder:
    """Fills one attached file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: TableSet) -> None:
        self._connection = connection
        self._tables = tables

    def add_small(self, table: SmallTable) -> None:
        """Write a native table; values arrive as they are and are cast to the column's type."""
        name = quoted(table.name)
        columns = ", ".join(f"{quoted(column.name)} {column.sql_type}" for column in table.columns)
        self._connection.execute(f"CREATE TABLE {name} ({columns})")
        if not table.rows:
            return
        values = [pa.array([_plain(row[place]) for row in table.rows]) for place in range(len(table.columns))]
        casts = ", ".join(
            f"CAST({quoted(str(place))} AS {column.sql_type})" for place, column in enumerate(table.columns)
        )
        self._connection.register("arriving", pa.table(values, names=[str(place) for place in range(len(values))]))
        self._connection.execute(f"INSERT INTO {name} SELECT {casts} FROM arriving")
        self._connection.unregister("arriving")

    def add_entries(self, entries: Sequence[EntryRow]) -> None:
        """Write what was recorded by hand."""
        self._connection.register("arriving", entries_table(entries))
        self._connection.execute(f"CREATE TABLE {ENTRIES} AS SELECT * FROM arriving")
        self._connection.unregister("arriving")

    def add_views(self) -> None:
        """Write the views over explicit file lists: a glob would see half-written and removed files."""
        for shape in _SHOWN:
            paths = [file.path for file in self._tables.stored(shape.name).files()]
            source = f"SELECT * FROM read_parquet({path_list(paths)})" if paths else shape.empty_select()
            self._connection.execute(f"CREATE VIEW {quoted('_' + shape.name)} AS {source}")
        self._connection.execute(script("views_ledger"))
        self._connection.execute(script("views_portfolio"))

    def add_sums(self, sums: pa.Table) -> None:
        """Write what is stored as sums: positions and reconciliation."""
        raw = [file.path for file in self._tables.raw.files()]
        source = f"SELECT * FROM read_parquet({path_list(raw)})" if raw else RAW_RECORDS.empty_select()
        self._connection.execute(
            f"CREATE TEMP VIEW _snapshots AS SELECT connection_id, fetched_at FROM ({source}) WHERE stream = 'balances'"
        )
        self._connection.register("_sums", sums)
        self._connection.execute(f"CREATE TABLE positions AS {script('positions')}")
        self._connection.execute(f"CREATE TABLE reconciliation AS {_WITH_SUGGESTION.format(script('reconciliation'))}")
        self._connection.unregister("_sums")

    def add_meta(self, meta: Mapping[str, object]) -> None:
        """Write the one row that says what this file shows."""
        values = {
            **meta,
            "product_version": version("metrifly-pipeline"),
            **{f"{name}_version": number for name, number in self._tables.versions().items()},
        }
        kinds = {"published_at": "TIMESTAMPTZ", "stale_after": "TIMESTAMPTZ", "product_version": "VARCHAR"}
        columns = ", ".join(f"CAST(? AS {kinds.get(name, 'BIGINT')}) AS {quoted(name)}" for name in values)
        self._connection.execute(f"CREATE TABLE _meta AS SELECT {columns}", list(values.values()))

    def add_comments(self, small: Mapping[str, SmallTable]) -> None:
        """Explain every table and every column."""
        statements = []
        views = set(
            self._names("SELECT view_name FROM duckdb_views() WHERE database_name = 'catalogue' AND NOT internal")
        )
        for table in sorted(views | set(self._names(_TABLE_NAMES))):
            given = small.get(table)
            words = given.comment if given else TABLE_COMMENTS.get(table, "")
            kind = "VIEW" if table in views else "TABLE"
            statements.append(f"COMMENT ON {kind} {quoted(table)} IS {literal(words)}")
        for table, column in self._connection.execute(_COLUMNS).fetchall():
            words = _given_comment(small.get(table), column) or column_comment(table, column)
            statements.append(f"COMMENT ON COLUMN {quoted(table)}.{quoted(column)} IS {literal(words)}")
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


_TABLE_NAMES = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'catalogue' AND NOT internal"
_COLUMNS = """
SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'catalogue' AND NOT internal
ORDER BY table_name, column_index
"""


def _given_comment(table: SmallTable | None, column: str) -> str:
    columns: Iterable[Column] = table.columns if table else ()
    return next((each.comment for each in columns if each.name == column), "")


def _plain(value: object) -> object:
    """An enumeration's member as its text: Arrow takes no subclass of str."""
    return str(value) if isinstance(value, str) else value
