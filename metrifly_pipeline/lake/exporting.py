"""Exporting: a catalogue becomes a DuckDB file that holds every row itself, so that it opens wherever it is carried."""
# ruff: noqa: S608 - names go into SQL through `quoted` and `literal` only

from pathlib import Path

import duckdb

from metrifly_pipeline.lake.building import STORAGE_VERSION
from metrifly_pipeline.lake.tables import literal, quoted

_SHOWN = "SELECT {0}_name AS name, comment FROM duckdb_{0}s() WHERE database_name = 'made' AND NOT internal"
_COLUMNS = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = 'made' AND NOT internal"
_META = "_meta"


def write_native(catalogue: Path, target: Path) -> dict[str, int]:
    """Write all that `catalogue` shows to a new file `target`, as tables with their comments; returns how many rows each has.

    What only builds on files (names that begin with `_`, but for `_meta`) is left out.
    """
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH {literal(str(catalogue))} AS made (READ_ONLY)")
        connection.execute(f"ATTACH {literal(str(target))} AS export (STORAGE_VERSION {literal(STORAGE_VERSION)})")
        connection.execute("USE made")
        connection.execute("SET TimeZone = 'UTC'")
        shown = connection.execute(f"{_SHOWN.format('table')} UNION ALL {_SHOWN.format('view')} ORDER BY 1").fetchall()
        comments = {name: comment for name, comment in shown if name == _META or not name.startswith("_")}
        columns = [row for row in connection.execute(_COLUMNS).fetchall() if row[0] in comments]
        for name, comment in comments.items():
            place = f"export.{quoted(name)}"
            connection.execute(f"CREATE TABLE {place} AS SELECT * FROM made.{quoted(name)}")
            connection.execute(f"COMMENT ON TABLE {place} IS {literal(comment or '')}")
        for name, column, comment in columns:
            place = f"export.{quoted(name)}.{quoted(column)}"
            connection.execute(f"COMMENT ON COLUMN {place} IS {literal(comment or '')}")
        counted = {
            name: connection.execute(f"SELECT count(*) FROM export.{quoted(name)}").fetchone()
            for name in comments
            if name != _META
        }
        connection.execute("USE memory")
        connection.execute("DETACH export")
    return {name: row[0] for name, row in counted.items() if row is not None}
