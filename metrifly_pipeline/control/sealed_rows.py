"""All that is sealed, in both tables that hold such rows: listed, moved to another master key, and the old key retired."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, Select, func, literal, select, text, tuple_, update

from metrifly_pipeline.control.engine import wipe_traces
from metrifly_pipeline.control.notification_tables import receivers
from metrifly_pipeline.control.retired_keys import refuse_retired
from metrifly_pipeline.control.tables import connections, credentials, retired_keys
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.control.upserts import insert_new
from metrifly_pipeline.domain.ids import AccountId, ConnectionId
from metrifly_pipeline.domain.sealed_rows import SealedRow, Shelf
from metrifly_pipeline.domain.status import SealedCredential

_TABLES = {Shelf.CREDENTIALS: credentials, Shelf.RECEIVERS: receivers}


class SealedRows(Transactions):
    """The store's methods for a change of the master key."""

    def sealed_rows(
        self, shelf: Shelf, limit: int, *, after: tuple[str, int] = ("", 0), key_id: str | None = None
    ) -> Sequence[SealedRow]:
        """Sealed rows of one table after a place, in order; `key_id`: only those under that master key."""
        query = _of_credentials(after) if shelf is Shelf.CREDENTIALS else _of_receivers(after)
        if key_id is not None:
            query = query.where(_TABLES[shelf].c.key_id == key_id)
        with self._reading() as db:
            return [_row(shelf, each) for each in db.execute(query.limit(limit)).mappings()]

    def rewrap(self, rows: Sequence[tuple[SealedRow, SealedCredential]]) -> int:
        """Put what was wrapped anew in place of each row that is still as it was read; returns how many were."""
        moved = 0
        with self._writing() as db:
            for row, made in rows:
                moved += _exchange(db, row, made)
            for key_id in sorted({made.key_id for _row, made in rows}):
                refuse_retired(db, key_id)
        return moved

    def retire_key(self, key_id: str, now: datetime) -> int:
        """Let nothing be sealed under this master key any more, unless rows are; returns how many are."""
        with self._writing() as db:
            if db.dialect.name == "postgresql":
                # Waits for whoever has sealed and not committed yet; who comes later finds the key retired. SQLite has one writer.
                db.execute(text("LOCK TABLE credentials, receivers IN SHARE ROW EXCLUSIVE MODE"))
            left = 0
            for table in _TABLES.values():
                left += db.execute(select(func.count()).where(table.c.key_id == key_id)).scalar_one()
            if not left:
                insert_new(db, retired_keys, {"key_id": key_id, "retired_at": now})
        wipe_traces(self._engine)
        return left


def _of_credentials(after: tuple[str, int]) -> Select[Any]:
    place = (credentials.c.connection, credentials.c.version)
    query = select(credentials, connections.c.account).join(connections, connections.c.id == credentials.c.connection)
    return query.where(tuple_(*place) > tuple_(*map(literal, after))).order_by(*place)


def _of_receivers(after: tuple[str, int]) -> Select[Any]:
    query = select(receivers, receivers.c.id.label("connection"), literal(1).label("version"))
    return query.where(receivers.c.sealed.is_not(None), receivers.c.id > after[0]).order_by(receivers.c.id)


def _row(shelf: Shelf, row: RowMapping) -> SealedRow:
    sealed = SealedCredential(
        connection=ConnectionId(row["connection"]),
        version=row["version"],
        key_id=row["key_id"],
        wrapped_key=row["wrapped_key"],
        sealed=row["sealed"],
        fingerprint=row["fingerprint"],
    )
    return SealedRow(shelf, AccountId(row["account"]), sealed)


def _exchange(db: Database, row: SealedRow, made: SealedCredential) -> int:
    table, sealed = _TABLES[row.shelf], row.sealed
    values = {"key_id": made.key_id, "wrapped_key": made.wrapped_key, "fingerprint": made.fingerprint}
    changed = update(table).where(table.c.key_id == sealed.key_id).values(values)
    if row.shelf is Shelf.CREDENTIALS:
        mine = (table.c.connection == sealed.connection, table.c.version == sealed.version)
        return db.execute(changed.where(*mine)).rowcount
    return db.execute(changed.where(table.c.id == sealed.connection)).rowcount
