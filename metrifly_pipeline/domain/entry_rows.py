"""Entries as the lake takes them: plain rows, one for each leg."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from metrifly_pipeline.domain.entries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """One leg of an entry that somebody recorded by hand. The fields are the columns of the published table `entries`."""

    entry_id: str
    version: int
    portfolio_id: str
    connection_id: str | None
    exchange: str | None
    kind: str
    role: str
    asset: str
    amount: Decimal
    occurred_at: datetime
    price: Decimal | None
    value: Decimal | None
    value_asset: str | None
    note: str
    recorded_at: datetime
    recorded_by: str


def rows_of(entries: Iterable[Entry]) -> list[EntryRow]:
    """Each leg as a row."""
    return [
        EntryRow(
            entry_id=entry.id,
            version=entry.version,
            portfolio_id=leg.place.portfolio,
            connection_id=leg.place.connection,
            exchange=leg.place.connection and leg.place.connection.rsplit("-", 1)[0],
            kind=entry.kind.value,
            role=leg.role,
            asset=leg.asset,
            amount=leg.amount,
            occurred_at=entry.occurred_at,
            price=entry.price,
            value=None if entry.value is None else entry.value.quantity,
            value_asset=None if entry.value is None else entry.value.asset,
            note=entry.note,
            recorded_at=entry.recorded_at,
            recorded_by=entry.recorded_by,
        )
        for entry in entries
        for leg in entry.legs
    ]
