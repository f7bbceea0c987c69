"""What an import adds: rows with an identity, so that the same file twice adds nothing. Pure."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from metrifly_pipeline.domain.entries import Draft, EntryLeg, Place, legs_of
from metrifly_pipeline.domain.ids import AccountId, EntryId, ImportId, PortfolioId


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """A row that can be stored."""

    line: int
    draft: Draft
    identity: str
    """Tells it from every other row of the same place, in any file."""
    fingerprint: str
    """What it says, without note and value: of two rows with one identity it tells whether they agree."""

    @property
    def place(self) -> str:
        """Where it counts: a connection, which takes its rows along when it is moved, or else a portfolio."""
        return scope_of(self.draft.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """A row that some import stored."""

    place: str
    identity: str
    fingerprint: str
    entry: EntryId
    stored_by: ImportId
    deleted: bool = False
    """Whether somebody deleted the entry by hand since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One file that was imported."""

    id: ImportId
    account: AccountId
    portfolio: PortfolioId
    file_name: str
    rows: int
    """How many entries it added."""
    imported_at: datetime
    imported_by: AccountId
    undone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What taking an import back did."""

    taken: Import
    deleted: int
    changed_since: tuple[EntryId, ...]
    """Entries that were edited after the import: they stay."""
    deleted_before: int
    """Entries that somebody had deleted by hand."""


def fingerprint_of(draft: Draft) -> str:
    """What a row says, wherever it counts, in 64 hex digits.

    Note and value are left out: whoever adds them to a row later has not earned it a second time.

    Raises:
        RefusedError: The draft breaks a rule.
    """
    said = [
        draft.kind.value,
        draft.occurred_at.isoformat(),
        [_said(leg) for leg in legs_of(draft)],
        "" if draft.to is None else scope_of(draft.to),
    ]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def identity_by_id(own_id: str) -> str:
    """The identity of a row with an id of its own."""
    return f"id:{own_id}"


def identity_by_content(fingerprint: str, rank: int) -> str:
    """The identity of a row without one: its content, and its rank among those of the file that say the same."""
    return f"row:{fingerprint}:{rank}"


def _said(leg: EntryLeg) -> list[str]:
    # 0.5 and 0.50 are the same number, and a cost that follows from a price has zeros at its end.
    whole, _, part = f"{leg.amount:f}".partition(".")
    return [leg.role, leg.asset, f"{whole}.{part.rstrip('0')}"]


def scope_of(place: Place) -> str:
    """A place by one id: the connection's, which stays when it is moved to another portfolio, or else the portfolio's."""
    return place.connection or place.portfolio
