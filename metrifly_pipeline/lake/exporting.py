"""A copy of the published file for one account that needs nothing beside itself: every view a table, every comment kept."""
# ruff: noqa: S608 - names and texts go into SQL through `quoted` and `literal` only

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.lake.building import STORAGE_VERSION
from metrifly_pipeline.lake.durable import Fsync, sync_path
from metrifly_pipeline.lake.tables import literal, quoted

_MEMORY = "512MB"
_OWN = (
    ("account_id", "account_id = {account}"),
    ("portfolio_id", "portfolio_id IN (SELECT portfolio_id FROM shown.portfolios WHERE account_id = {account})"),
    ("connection_id", "connection_id IN (SELECT connection_id FROM shown.connections WHERE account_id = {account})"),
)
"""By which column a row is known to be an account's, the surest first. What has none of them is everybody's: aliases, assets, `_meta`."""
_SHOWN = """
SELECT table_name AS name, comment FROM duckdb_tables() WHERE database_name = 'shown' AND NOT internal
UNION ALL
SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'shown' AND NOT internal
ORDER BY name
"""
_COLUMNS = """
SELECT column_name, comment FROM duckdb_columns()
WHERE database_name = 'shown' AND table_name = $1 ORDER BY column_index
"""
_BEHIND_VIEWS = "_"
"""How the names of tables begin that are there for views alone; in a copy nothing builds on them."""
_ABOUT_THE_FILE = "_meta"


def export(published: Path, account: str, place: Path, fsync: Fsync) -> Mapping[str, int]:
    """Write the rows of `account` in the published file to a new file at `place`; returns how many by table.

    Raises:
        RefusedError: Nothing was published yet, or there is a file at `place` already.
    """
    if not published.exists():
        raise RefusedError("Nothing has been published yet. Run `metrifly sync --all --here` first.")
    if place.exists():
        raise RefusedError(f"There is a file at {place} already, and it is left alone. Name another folder.")
    building = place.with_name(f".{place.name}.building")
    building.unlink(missing_ok=True)
    try:
        rows = _copy(published, account, building)
        sync_path(building, fsync)
        building.rename(place)
    finally:
        with suppress(OSError):
            building.unlink(missing_ok=True)
    sync_path(place.parent, fsync)
    return rows


def _copy(published: Path, account: str, building: Path) -> dict[str, int]:
    with duckdb.connect(
        config={
            "memory_limit": _MEMORY,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {literal(str(published))} AS shown (READ_ONLY)")
        connection.execute(f"ATTACH {literal(str(building))} AS copy (STORAGE_VERSION {literal(STORAGE_VERSION)})")
        # Views of the published file name each other without it.
        connection.execute("USE shown")
        found = connection.execute(_SHOWN).fetchall()
        wanted = [
            (name, words) for name, words in found if name == _ABOUT_THE_FILE or not name.startswith(_BEHIND_VIEWS)
        ]
        rows = {name: _copy_table(connection, name, words, account) for name, words in wanted}
        connection.execute("USE memory")
        connection.execute("DETACH copy")
    return rows


def _copy_table(connection: duckdb.DuckDBPyConnection, name: str, words: str | None, account: str) -> int:
    columns = connection.execute(_COLUMNS, [name]).fetchall()
    names = {column for column, _ in columns}
    condition = next((own.format(account=literal(account)) for column, own in _OWN if column in names), "true")
    target = f"copy.{quoted(name)}"
    connection.execute(f"CREATE TABLE {target} AS SELECT * FROM shown.{quoted(name)} WHERE {condition}")
    comments = [f"COMMENT ON TABLE {target} IS {literal(words)}"] if words else []
    comments += [f"COMMENT ON COLUMN {target}.{quoted(column)} IS {literal(text)}" for column, text in columns if text]
    connection.execute(";".join(comments))
    counted = connection.execute(f"SELECT count(*) FROM {target}").fetchone()
    return 0 if counted is None else int(counted[0])
