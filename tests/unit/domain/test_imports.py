"""What a row says is told apart by everything that counts, and by nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from metrifly_pipeline.domain.entries import Amount, Draft, EntryKind, Place
from metrifly_pipeline.domain.ids import ConnectionId, PortfolioId
from metrifly_pipeline.domain.import_columns import COLUMNS, FORMS, NEEDED, RowKind
from metrifly_pipeline.domain.imports import ImportRow, fingerprint_of
from metrifly_pipeline.domain.trouble import RefusedError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAIN, OTHER = Place(PortfolioId("pf-1")), Place(PortfolioId("pf-2"), ConnectionId("okx-1"))


def of(quantity, asset="BTC"):
    return Amount(asset=asset, quantity=Decimal(quantity))


BUY = Draft(kind=EntryKind.BUY, place=MAIN, occurred_at=NOW, main=of(2), counter=of(100, "EUR"), fee=of("0.5", "EUR"))
OWN = Draft(kind=EntryKind.TRANSFER, place=MAIN, occurred_at=NOW, main=of(2), outgoing=True, to=OTHER)


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        (BUY, {"kind": EntryKind.SELL}),
        (BUY, {"occurred_at": NOW + timedelta(microseconds=1)}),
        (BUY, {"main": of("2.000000000000000001")}),
        (BUY, {"main": of(20)}),
        (BUY, {"main": of(2, "ETH")}),
        (BUY, {"counter": of(100, "USD")}),
        (BUY, {"fee": None}),
        (OWN, {"to": Place(PortfolioId("pf-3"))}),
        (OWN, {"to": None}),
        (OWN, {"to": None, "outgoing": False}),
    ],
)
def test_what_counts_tells_rows_apart(before, changed):
    assert fingerprint_of(replace(before, **changed)) != fingerprint_of(before)


@pytest.mark.parametrize(
    "changed",
    [
        {"note": "found later"},
        {"value": of(7, "USD")},
        {"price": Decimal(50)},
        {"main": of("2.00"), "counter": of("100.000", "EUR")},
        {"place": OTHER},  # which stands beside it
    ],
)
def test_what_is_only_said_otherwise_does_not(changed):
    assert fingerprint_of(replace(BUY, **changed)) == fingerprint_of(BUY)


def test_a_row_of_a_connection_stays_that_row_when_it_is_moved():
    row = ImportRow(line=2, draft=replace(BUY, place=OTHER), identity="id:1", fingerprint="")

    assert row.place == "okx-1"
    assert replace(row, draft=BUY).place == "pf-1"


def test_what_breaks_a_rule_says_nothing():
    with pytest.raises(RefusedError, match="is 0"):
        fingerprint_of(replace(BUY, main=of(0)))


def test_every_kind_takes_what_every_row_needs_and_every_column_means_something_to_some_kind():
    names = {column.name for column in COLUMNS}

    assert FORMS.keys() == set(RowKind)
    assert all(set(NEEDED) <= form.takes <= names for form in FORMS.values())
    assert set().union(*(form.takes for form in FORMS.values())) == names
