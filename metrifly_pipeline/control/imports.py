"""Files that were imported: which entry each row became, and taking them back."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.entries import (
    AT_ONCE,
    deletion,
    first_version,
    free_entry_ids,
    insert_versions,
    lock_places,
    read_versions,
    store_versions,
)
from metrifly_pipeline.control.entry_tables import entries, import_rows, imports
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.entries import legs_of
from metrifly_pipeline.domain.ids import AccountId, EntryId, ImportId, PortfolioId, new_import_id
from metrifly_pipeline.domain.imports import Import, ImportRow, KnownRow, Undone
from metrifly_pipeline.domain.status import Urgency
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError


class Imports(Transactions):
    """The store's methods for imports."""

    def known_rows(self, account: AccountId, identities: Collection[str]) -> Sequence[KnownRow]:
        """Rows of these identities that imports of an account stored, wherever they count."""
        with self._reading() as db:
            return _known(db, account, identities)

    def add_import(
        self, account: AccountId, portfolio: PortfolioId, file_name: str, rows: Sequence[ImportRow], now: datetime
    ) -> Import:
        """Store rows as entries under one import and number the change; rows whose identity is known are left out.

        RefusedError where none is left, or where a draft breaks a rule; NotFoundError where a place is not the account's.
        """
        legs = {row.line: legs_of(row.draft) for row in rows}
        places = {leg.place for each in legs.values() for leg in each}
        try:
            with self._writing() as db:
                shown = lock_places(db, account, places)
                # Numbered first, for its lock: of transactions that import, the next one compares when this one has ended.
                number_change(db, shown | {portfolio}, Urgency.NOW, now)
                known = {(each.place, each.identity) for each in _known(db, account, {row.identity for row in rows})}
                new = [row for row in rows if (row.place, row.identity) not in known]
                if not new:
                    raise _meanwhile()
                ids = dict(zip((row.line for row in new), free_entry_ids(db, self._rng, len(new)), strict=True))
                insert_versions(
                    db, [first_version(ids[row.line], account, row.draft, legs[row.line], now) for row in new]
                )
                made = Import(
                    id=self._free_import_id(db),
                    account=account,
                    portfolio=portfolio,
                    file_name=file_name,
                    rows=len(new),
                    imported_at=now,
                    imported_by=account,
                )
                db.execute(insert(imports).values(_columns(made)))
                db.execute(insert(import_rows), [_row_columns(made.id, row, ids[row.line]) for row in new])
                return made
        except IntegrityError:  # somebody's row was first after all
            raise _meanwhile() from None

    def imports(self, account: AccountId) -> Sequence[Import]:
        """Every import, oldest first, those that were taken back included."""
        query = select(imports).where(imports.c.account == account).order_by(imports.c.imported_at, imports.c.id)
        with self._reading() as db:
            return [Import(**row) for row in db.execute(query).mappings()]

    def undo_import(self, account: AccountId, imported: str, now: datetime) -> Undone:
        """Delete the entries of an import that nobody changed since, and let its file be imported again.

        NotFoundError; RefusedError where it was taken back already, or where somebody changes one of its entries at this moment.
        """
        try:
            with self._writing() as db:
                return _undo(db, _standing_import(db, account, imported), now)
        except IntegrityError:  # the version is the key: somebody else's came first
            raise RefusedError("Somebody changed one of its entries at this moment; try again") from None

    def _free_import_id(self, db: Database) -> ImportId:
        while True:
            candidate = new_import_id(self._rng)
            if db.execute(select(imports.c.id).where(imports.c.id == candidate)).scalar() is None:
                return candidate


def _undo(db: Database, taken: Import, now: datetime) -> Undone:
    own = select(import_rows.c.entry).where(import_rows.c.import_id == taken.id)
    newest = [each for each in read_versions(db, taken.account, own) if each.superseded_at is None]
    unchanged = [each for each in newest if each.version == 1]
    edited = tuple(each.id for each in newest if each.version > 1 and not each.deleted)
    if unchanged:
        store_versions(db, [deletion(each, now) for each in unchanged], unchanged)
    db.execute(update(imports).where(imports.c.id == taken.id).values(undone_at=now))
    released = update(import_rows).where(import_rows.c.import_id == taken.id).values(identity=None)
    for some in _by_parts([each.id for each in newest if each.id not in set(edited)]):
        db.execute(released.where(import_rows.c.entry.in_(some)))
    return Undone(
        taken=taken,
        deleted=len(unchanged),
        changed_since=edited,
        deleted_before=len(newest) - len(unchanged) - len(edited),
    )


def _standing_import(db: Database, account: AccountId, imported: str) -> Import:
    wanted = imported.strip().lower()
    query = select(imports).where(imports.c.account == account, imports.c.id == wanted).with_for_update()
    row = db.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no import {imported}; `metrifly import list` lists them")
    found = Import(**row)
    if found.undone_at is not None:
        raise RefusedError(f"{found.id} was taken back already, on {found.undone_at:%Y-%m-%d}")
    return found


def _known(db: Database, account: AccountId, identities: Collection[str]) -> list[KnownRow]:
    deleted = exists().where(entries.c.id == import_rows.c.entry, entries.c.deleted.is_(True)).label("deleted")
    own = select(imports.c.id).where(imports.c.account == account)
    query = select(import_rows, deleted).where(import_rows.c.import_id.in_(own))
    return [
        KnownRow(
            place=row["place"],
            identity=row["identity"],
            fingerprint=row["fingerprint"],
            entry=EntryId(row["entry"]),
            stored_by=ImportId(row["import_id"]),
            deleted=bool(row["deleted"]),
        )
        for some in _by_parts(list(identities))
        for row in db.execute(query.where(import_rows.c.identity.in_(some))).mappings()
    ]


def _by_parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))


def _meanwhile() -> RefusedError:
    return RefusedError("The same rows were imported by somebody else meanwhile; nothing was stored")


def _columns(made: Import) -> dict[str, Any]:
    return {
        "id": made.id,
        "account": made.account,
        "portfolio": made.portfolio,
        "file_name": made.file_name,
        "rows": made.rows,
        "imported_at": made.imported_at,
        "imported_by": made.imported_by,
    }


def _row_columns(made: ImportId, row: ImportRow, entry: EntryId) -> dict[str, Any]:
    return {
        "import_id": made,
        "line": row.line,
        "entry": entry,
        "place": row.place,
        "identity": row.identity,
        "fingerprint": row.fingerprint,
    }
