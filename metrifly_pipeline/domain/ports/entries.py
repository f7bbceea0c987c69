"""The part of the control database that keeps what people record by hand or import from files."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from metrifly_pipeline.domain.entries import Draft, Entry
from metrifly_pipeline.domain.ids import AccountId, PortfolioId
from metrifly_pipeline.domain.imports import Import, ImportRow, KnownRow, Undone


class EntryStore(Protocol):
    """Entries as versions, and the files that some came from. Each method is one transaction; times are aware UTC."""

    def add_entry(self, account: AccountId, draft: Draft, now: datetime) -> Entry:
        """Store the first version of an entry and number the change; RefusedError where the draft breaks a rule."""

    def change_entry(self, seen: Entry, draft: Draft, now: datetime) -> Entry:
        """Store the next version and number the change; RefusedError where `seen` is no longer the newest."""

    def delete_entry(self, seen: Entry, now: datetime) -> Entry:
        """Store a version that says deleted and number the change; RefusedError where `seen` is no longer the newest."""

    def entries(self, account: AccountId | None = None, *, history: bool = False) -> Sequence[Entry]:
        """Entries as they stand, by when they happened; with `history` every version ever, deleted ones too."""

    def entry(self, account: AccountId, entry: str) -> Entry:
        """One that stands; NotFoundError."""

    # Files that are imported
    def known_rows(self, account: AccountId, identities: Collection[str]) -> Sequence[KnownRow]:
        """Rows of these identities that imports of an account stored, wherever they count."""

    def add_import(
        self, account: AccountId, portfolio: PortfolioId, file_name: str, rows: Sequence[ImportRow], now: datetime
    ) -> Import:
        """Store rows as entries under one import and number the change; rows whose identity is known are left out.

        RefusedError where none is left, or where a draft breaks a rule; NotFoundError where a place is not the account's.
        """

    def imports(self, account: AccountId) -> Sequence[Import]:
        """Every import, oldest first, those that were taken back included."""

    def undo_import(self, account: AccountId, imported: str, now: datetime) -> Undone:
        """Delete the entries of an import that nobody changed since, and let its file be imported again.

        NotFoundError; RefusedError where it was taken back already, or where somebody changes one of its entries at this moment.
        """
