"""What people record by hand, every version of it: rows are added, never changed."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import RowMapping, Select, func, insert, select
from sqlalchemy.exc import IntegrityError

from metrifly_pipeline.control.entry_tables import entries, entry_legs
from metrifly_pipeline.control.publishing import number_change
from metrifly_pipeline.control.rows import lock_connection
from metrifly_pipeline.control.tables import connections, portfolios
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.domain.entries import Amount, Draft, Entry, EntryKind, EntryLeg, Place, legs_of, touched
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, EntryId, PortfolioId, new_entry_id
from metrifly_pipeline.domain.status import Urgency
from metrifly_pipeline.domain.trouble import NotFoundError, RefusedError

AT_ONCE = 1_000
"""Keys that one question names: databases bound how many."""


class Entries(Transactions):
    """The store's methods for entries."""

    def add_entry(self, account: AccountId, draft: Draft, now: datetime) -> Entry:
        """Store the first version of an entry and number the change.

        RefusedError where the draft breaks a rule, NotFoundError where a place is not the account's.
        """
        legs = legs_of(draft)
        with self._writing() as db:
            (free,) = free_entry_ids(db, self._rng, 1)
            entry = first_version(free, account, draft, legs, now)
            store_versions(db, [entry], [])
            return entry

    def change_entry(self, seen: Entry, draft: Draft, now: datetime) -> Entry:
        """Store the next version and number the change; RefusedError where `seen` is no longer the newest."""
        after = replace(first_version(seen.id, seen.account, draft, legs_of(draft), now), version=seen.version + 1)
        return self._supersede(seen, after)

    def delete_entry(self, seen: Entry, now: datetime) -> Entry:
        """Store a version that says deleted and number the change; RefusedError where `seen` is no longer the newest."""
        return self._supersede(seen, deletion(seen, now))

    def _supersede(self, seen: Entry, after: Entry) -> Entry:
        if seen.deleted:
            raise _missing(seen.id)
        try:
            with self._writing() as db:
                store_versions(db, [after], [seen])
                return after
        except IntegrityError:  # the version is the key: somebody else's came first
            raise RefusedError(
                f"{seen.id} was changed by somebody else meanwhile; look at it with `metrifly record list`"
            ) from None

    def entries(self, account: AccountId | None = None, *, history: bool = False) -> Sequence[Entry]:
        """Entries as they stand, by when they happened; with `history` every version ever, deleted ones too."""
        with self._reading() as db:
            found = read_versions(db, account)
        if history:
            return found
        newest = (entry for entry in found if entry.superseded_at is None and not entry.deleted)
        return sorted(newest, key=lambda entry: (entry.occurred_at, entry.recorded_at, entry.id))

    def entry(self, account: AccountId, entry: str) -> Entry:
        """One that stands; NotFoundError."""
        wanted = entry.strip().lower()
        found = next((each for each in self.entries(account) if each.id == wanted), None)
        if found is None:
            raise _missing(entry)
        return found


def _missing(entry: str) -> NotFoundError:
    return NotFoundError(f"There is no entry {entry}; `metrifly record list` lists them")


def first_version(entry: EntryId, account: AccountId, draft: Draft, legs: tuple[EntryLeg, ...], now: datetime) -> Entry:
    """An entry as it is recorded."""
    return Entry(
        id=entry,
        version=1,
        account=account,
        kind=draft.kind,
        occurred_at=draft.occurred_at,
        legs=legs,
        price=draft.price,
        value=draft.value,
        note=draft.note,
        recorded_at=now,
        recorded_by=account,
    )


def deletion(seen: Entry, now: datetime) -> Entry:
    """The version that says that an entry is deleted."""
    return replace(seen, version=seen.version + 1, deleted=True, recorded_at=now)


def free_entry_ids(db: Database, rng: Random, count: int) -> list[EntryId]:
    """So many ids that no entry has."""
    found: dict[EntryId, None] = {}
    while len(found) < count:
        candidates = list({new_entry_id(rng): None for _ in range(min(count - len(found), AT_ONCE))})
        taken = set(db.execute(select(entries.c.id).where(entries.c.id.in_(candidates))).scalars())
        found |= dict.fromkeys(each for each in candidates if each not in taken)
    return list(found)


def store_versions(db: Database, after: Sequence[Entry], before: Sequence[Entry]) -> None:
    """Add versions, all recorded at once by one account, and number the change; what readers saw before counts as changed, too."""
    shown = lock_places(db, after[0].account, {leg.place for entry in after for leg in entry.legs})
    number_change(db, touched(before) | shown, Urgency.NOW, after[0].recorded_at)
    insert_versions(db, after)


def insert_versions(db: Database, after: Sequence[Entry]) -> None:
    """Add versions of a change that has its number."""
    db.execute(insert(entries), [_columns(entry) for entry in after])
    legs = [_leg_columns(entry, number, leg) for entry in after for number, leg in enumerate(entry.legs)]
    db.execute(insert(entry_legs), legs)


def lock_places(db: Database, account: AccountId, places: AbstractSet[Place]) -> set[PortfolioId]:
    """Lock the connections among some places; the portfolios in which a reader sees what lies there."""
    return {_resolved(db, account, place) for place in sorted(places, key=_by_connection)}


def _by_connection(place: Place) -> tuple[str, str]:
    """The order in which connections are locked, the same in every transaction."""
    return place.connection or "", place.portfolio


def _resolved(db: Database, account: AccountId, place: Place) -> PortfolioId:
    """The portfolio in which a reader sees what lies in a place; NotFoundError where it is another account's."""
    if place.connection is not None:
        connection = lock_connection(db, place.connection)
        if connection.account == account:
            return connection.portfolio
        raise NotFoundError(f"There is no connection {place.connection}; `metrifly connections` lists them")
    mine = select(portfolios.c.id).where(portfolios.c.id == place.portfolio, portfolios.c.account == account)
    if db.execute(mine).scalar() is None:
        raise NotFoundError("There is no such portfolio; `metrifly portfolio list` lists them")
    return place.portfolio


def _columns(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "version": entry.version,
        "account": entry.account,
        "kind": entry.kind.value,
        "occurred_at": entry.occurred_at,
        "price": _text(entry.price),
        "value": None if entry.value is None else _text(entry.value.quantity),
        "value_asset": None if entry.value is None else entry.value.asset,
        "note": entry.note,
        "deleted": entry.deleted,
        "recorded_at": entry.recorded_at,
        "recorded_by": entry.recorded_by,
    }


def _leg_columns(entry: Entry, number: int, leg: EntryLeg) -> dict[str, Any]:
    return {
        "entry": entry.id,
        "version": entry.version,
        "place": number,
        "portfolio": leg.place.portfolio,
        "connection": leg.place.connection,
        "role": leg.role,
        "asset": leg.asset,
        "amount": _text(leg.amount),
    }


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def read_versions(db: Database, account: AccountId | None, among: Select[tuple[str]] | None = None) -> list[Entry]:
    """Every version, each entry's oldest first; of the ids that `among` selects, where it is given."""
    query = select(entries).order_by(entries.c.recorded_at, entries.c.id, entries.c.version)
    if account is not None:
        query = query.where(entries.c.account == account)
        among = select(entries.c.id).where(entries.c.account == account) if among is None else among
    if among is not None:
        query = query.where(entries.c.id.in_(among))
    rows = db.execute(query).mappings().all()
    legs = _read_legs(db, among) if rows else {}
    next_at = {(row["id"], row["version"] - 1): row["recorded_at"] for row in rows}
    return [_from_row(row, legs, next_at.get((row["id"], row["version"]))) for row in rows]


def _read_legs(db: Database, among: Select[tuple[str]] | None) -> Mapping[tuple[str, int], list[EntryLeg]]:
    # A connection that was moved takes its entries along.
    portfolio = func.coalesce(connections.c.portfolio, entry_legs.c.portfolio).label("shown_in")
    query = (
        select(entry_legs, portfolio)
        .select_from(entry_legs.outerjoin(connections, entry_legs.c.connection == connections.c.id))
        .order_by(entry_legs.c.entry, entry_legs.c.version, entry_legs.c.place)
    )
    if among is not None:
        query = query.where(entry_legs.c.entry.in_(among))
    return _grouped(db.execute(query).mappings())


def _grouped(rows: Iterable[RowMapping]) -> Mapping[tuple[str, int], list[EntryLeg]]:
    found: dict[tuple[str, int], list[EntryLeg]] = {}
    for row in rows:
        connection = None if row["connection"] is None else ConnectionId(row["connection"])
        leg = EntryLeg(
            place=Place(PortfolioId(row["shown_in"]), connection),
            role=row["role"],
            asset=row["asset"],
            amount=Decimal(row["amount"]),
        )
        found.setdefault((row["entry"], row["version"]), []).append(leg)
    return found


def _from_row(
    row: RowMapping, legs: Mapping[tuple[str, int], Sequence[EntryLeg]], superseded_at: datetime | None
) -> Entry:
    value = None if row["value"] is None else Amount(asset=row["value_asset"], quantity=Decimal(row["value"]))
    return Entry(
        id=EntryId(row["id"]),
        version=row["version"],
        account=AccountId(row["account"]),
        kind=EntryKind(row["kind"]),
        occurred_at=row["occurred_at"],
        legs=tuple(legs.get((row["id"], row["version"]), ())),
        price=None if row["price"] is None else Decimal(row["price"]),
        value=value,
        note=row["note"],
        deleted=row["deleted"],
        recorded_at=row["recorded_at"],
        recorded_by=AccountId(row["recorded_by"]),
        superseded_at=superseded_at,
    )
