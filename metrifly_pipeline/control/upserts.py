"""Insert or update: both databases can, SQLAlchemy spells it per database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_new(db: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row unless one with its primary key is there."""
    db.execute(_insert(db, table).on_conflict_do_nothing(index_elements=list(table.primary_key)), dict(row))


def upsert(
    db: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    change: Callable[[Insert], Mapping[str, Any]],
) -> None:
    """Insert rows, or change those that are there.

    Args:
        db: The transaction.
        table: Its primary key tells rows apart; `rows` must not name one key twice.
        rows: Values by column, all of the same columns.
        change: What to set where a row is there already; `insert.excluded` holds the new values.
    """
    if rows:
        insert = _insert(db, table)
        statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=dict(change(insert)))
        db.execute(statement, [dict(row) for row in rows])


def _insert(db: Connection, table: Table) -> Insert:
    return sqlite.insert(table) if db.dialect.name == "sqlite" else postgresql.insert(table)
