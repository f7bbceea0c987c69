"""The analyst's file, read as an analyst reads it: one DuckDB stays open, and the file as it is now is attached for each question."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb


@cache
def _analyst() -> duckdb.DuckDBPyConnection:
    """Starting one takes much longer than asking it."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read(file: Path, sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
    """Column names and rows."""
    analyst = _analyst()
    analyst.execute(f"ATTACH '{file}' AS metrifly (READ_ONLY)")
    try:
        analyst.execute("USE metrifly")
        result = analyst.execute(sql)
        return [column[0] for column in result.description or ()], result.fetchall()
    finally:
        analyst.execute("USE memory")
        analyst.execute("DETACH metrifly")
