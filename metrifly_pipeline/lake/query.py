"""Asking the published catalogue: one statement that reads, from this file and the lake's own files only."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.lake.tables import literal

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
"""DESCRIBE, SHOW, SUMMARIZE, VALUES, FROM and WITH are SELECT to DuckDB."""


def run_query(catalogue: Path, data: Path, sql: str) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Run one read-only statement; returns column names and rows.

    Raises:
        RefusedError: nothing was published yet, the statement is not one that reads, or DuckDB can't run it (its own words).
    """
    if not catalogue.exists():
        raise RefusedError("Nothing has been published yet. Run `metrifly sync --all --here` first.")
    try:
        _refuse_writing(sql)
        with duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        ) as con:
            con.execute(f"ATTACH {literal(str(catalogue))} AS metrifly (READ_ONLY)")
            con.execute("USE metrifly")
            con.execute("SET TimeZone = 'UTC'")
            con.execute(f"SET allowed_directories = [{literal(str(data))}]")
            con.execute("SET enable_external_access = false")
            con.execute("SET lock_configuration = true")
            result = con.execute(sql)
            names = [column[0] for column in result.description or ()]
            return names, result.fetchall()
    except duckdb.Error as error:
        raise RefusedError(str(error)) from None


def _refuse_writing(sql: str) -> None:
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise RefusedError(f"One statement at a time, please: there are {len(statements)}.")
    if statements[0].type not in _READING:
        raise RefusedError(
            "Only statements that read are allowed: SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN."
        )
