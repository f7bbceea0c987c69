"""What is imported from a file counts like what is recorded by hand: it closes limited histories and gaps, and goes when it is taken back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrifly_pipeline.domain.entries import Entry, legs_of
from metrifly_pipeline.domain.entry_input import read_moment, read_note
from metrifly_pipeline.domain.import_columns import COLUMNS, FORMS, RowKind
from metrifly_pipeline.domain.imports import ImportRow
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.spreadsheets import SpreadsheetFiles
from tests.scenarios.commands import Commands
from tests.scenarios.homes import NOW, PORTFOLIO, Home, Time

FILES = SpreadsheetFiles()


def positions(home):
    home.publish()
    return {row["asset"]: row["amount"] for row in home.query("SELECT asset, amount FROM positions")}


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_file_of_opening_balances_closes_a_limited_history_and_the_gap_that_it_left(home, capsys, tmp_path, suffix):
    account = AccountBuilder("okx", first_at=NOW - timedelta(days=200)).with_movement(asset="USDT", amount="1000")
    account.with_fill(market="BTC/USDT", price="100", amount="3", fee=None)
    account.with_movement(asset="BTC", amount="0.25", at=NOW - timedelta(days=5))
    home.start(account)
    connection = home.imported(account)
    command = Commands(home, capsys)
    before = positions(home)
    lacking = home.differences()
    assert set(lacking) == {"BTC", "USDT"}

    def written(name, day):
        rows = [
            {"kind": "opening_balance", "date": f"{day:%Y-%m-%d}", "asset": asset, "quantity": f"{lacking[asset]:f}"}
            for asset in lacking
        ]
        FILES.write(tmp_path / f"{name}.{suffix}", COLUMNS, [row | {"connection": connection} for row in rows])
        return f"metrifly import {tmp_path / name}.{suffix} --portfolio main --apply"

    late = command(written("late", NOW - timedelta(days=30)))
    assert "notice stays" in " ".join(late.split())
    assert "history_limited" in home.standing(connection)
    (made,) = command.json("metrifly import list")
    command(f"metrifly import undo {made['import']}")

    told = command(written("early", NOW - timedelta(days=200)))

    assert "notice stays" not in told
    assert "history_limited" not in home.standing(connection)
    assert positions(home) == {asset: amount for asset, amount in account.account.balances().items() if amount}
    assert "All 2 balances agree exactly" in command("metrifly reconcile")
    (made,) = (each for each in command.json("metrifly import list") if each["undone_at"] is None)
    command(f"metrifly import undo {made['import']}")
    assert "history_limited" in home.standing(connection)
    assert positions(home) == before


def test_an_import_and_its_end_are_published_at_once(home, capsys, tmp_path):
    home.start()
    command = Commands(home, capsys)
    FILES.write(
        tmp_path / "a.csv", COLUMNS, [{"kind": "reward", "date": "2026-02-01", "asset": "SOL", "quantity": "1.5"}]
    )
    home.publish()

    def due():
        home.time.turn(seconds=10)
        found = home.product.control.publish_due(home.time.now) is not None
        home.publish()
        return found

    assert not due()  # the control
    command(f"metrifly import {tmp_path / 'a.csv'} --portfolio main --apply")
    assert due()
    assert home.query("SELECT asset, amount FROM positions") == [{"asset": "SOL", "amount": Decimal("1.5")}]
    command(f"metrifly import {tmp_path / 'a.csv'} --portfolio main --apply")
    assert not due()
    command(f"metrifly import undo {command.json('metrifly import list')[0]['import']}")
    assert due()
    assert home.query("SELECT * FROM positions") == home.query("SELECT * FROM entries") == []


ASSETS = ("BTC", "ETH", "1INCH", "币安")
quantities = st.decimals(min_value="0.000000000000000001", max_value="9999999999", places=18).map("{:f}".format)
factors = st.decimals(min_value="0.000000001", max_value="999999999", places=9).map("{:f}".format)
"""Two of them have a product that is not 0 and fits."""
moments = st.datetimes(
    min_value=read_moment("2009-01-03", NOW).replace(tzinfo=None), max_value=NOW.replace(tzinfo=None)
)
notes = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t\",;='"), max_size=40
)


@st.composite
def rows(draw):
    """A row that is right, of any kind, with every column that means something to it."""
    kind = draw(st.sampled_from(RowKind))
    takes = FORMS[kind].takes
    asset, counter = draw(st.permutations(ASSETS))[:2]
    moment = draw(moments)
    row = {"kind": kind.value, "asset": asset, "quantity": draw(quantities), "note": draw(notes)}
    row["date"] = draw(st.sampled_from([f"{moment:%Y-%m-%d}", moment.isoformat(), f"{moment.isoformat()}Z"]))
    if kind is RowKind.ADJUSTMENT:
        row["quantity"] = draw(st.sampled_from("+-")) + row["quantity"]
    if "counter_asset" in takes:
        by_price = "price" in takes and draw(st.booleans())
        row |= {"counter_asset": counter, "price" if by_price else "counter_quantity": draw(factors)}
        row["quantity"] = draw(factors)
    for part, asset_column in (("fee", "fee_asset"), ("value", "value_currency")):
        if part in takes and draw(st.booleans()):
            row |= {part: draw(quantities), asset_column: "EUR"}
    if kind is RowKind.TRANSFER_OWN:
        row["to_portfolio"] = "Other"
    if draw(st.booleans()):
        row["id"] = draw(st.uuids().map(str))
    return row


@pytest.fixture(scope="module")
def one_home(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("round") / "home", Time()).start()
    made.product.control.create_portfolio(made.product.account, "Other", made.time.now)
    yield made
    made.close()


def preview(home, file):
    return home.product.importing.preview(home.product.account, file, PORTFOLIO)


def said(row: ImportRow):
    return (row.draft, row.identity, row.fingerprint)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows(), max_size=6))
def test_rows_that_the_template_writes_are_read_back_as_the_same_entries_from_both_kinds_of_file(
    one_home, tmp_path_factory, written
):
    folder = tmp_path_factory.mktemp("written")
    read = []
    for suffix in ("csv", "xlsx"):
        FILES.write(folder / f"rows.{suffix}", COLUMNS, written)
        found = preview(one_home, folder / f"rows.{suffix}")
        assert (found.unreadable, found.there) == ([], [])
        read.append([said(row) for row in found.new])

    assert read[0] == read[1]
    assert len({identity for _, identity, _ in read[0]}) == len(written)
    for row, (draft, _, _) in zip(written, read[0], strict=True):
        assert draft.kind is FORMS[RowKind(row["kind"])].kind
        assert (draft.main.asset, draft.main.quantity) == (row["asset"], Decimal(row["quantity"]))
        assert draft.occurred_at == read_moment(row["date"], NOW, zoneless=True)
        assert draft.note == read_note(row["note"])
        for column, amount in (("counter_quantity", draft.counter), ("fee", draft.fee), ("value", draft.value)):
            if column in row:
                assert amount.quantity == Decimal(row[column])
        if "price" in row:
            assert draft.price == Decimal(row["price"])
        assert (draft.to is not None) == (row["kind"] == "transfer_own")
    _stored_once(one_home, folder / "rows.csv", folder / "rows.xlsx", [draft for draft, _, _ in read[0]])


def _stored_once(home, first, second, drafts):
    """What one file stores the other finds, and what it stores is what was read."""
    importing, account = home.product.importing, home.product.account
    if not drafts:
        return
    made = importing.apply(preview(home, first))
    again = preview(home, second)
    assert (again.new, len(again.there)) == ([], len(drafts))
    stored: list[Entry] = list(home.product.control.entries(account))
    assert sorted(map(repr, map(legs_of, drafts))) == sorted(repr(entry.legs) for entry in stored)
    importing.undo(account, made.id)
    assert home.product.control.entries(account) == []
