"""What was recorded by hand counts: by portfolio always, and with a connection in what its balances are compared with."""

from datetime import timedelta
from decimal import Decimal

from metrifly_pipeline.domain.entry_rows import EntryRow
from tests.unit.lake.toy import ALICE, START, ask, portfolio

PORTFOLIO = "pf-11111111"
SMALLEST = Decimal("0.000000000000000001")


def entry(entry_id="en-1", **changes):
    plain = {
        "entry_id": entry_id,
        "version": 1,
        "portfolio_id": PORTFOLIO,
        "connection_id": None,
        "exchange": None,
        "kind": "adjustment",
        "role": "main",
        "asset": "EUR",
        "amount": Decimal(-1),
        "occurred_at": START,
        "price": None,
        "value": None,
        "value_asset": None,
        "note": "",
        "recorded_at": START + timedelta(days=1),
        "recorded_by": "default",
    }
    return EntryRow(**plain | changes)


OF_ALICE = {"connection_id": ALICE, "exchange": "toy"}


def publish(lake, *entries):
    return lake.publish(
        [portfolio(ALICE)], entries=entries, change_seq=1, published_at=START, stale_after=START + timedelta(hours=26)
    )


def positions(lake):
    return {(place, asset): amount for place, asset, amount in ask(lake, "SELECT * FROM positions")}


def test_an_entry_without_a_connection_counts_in_its_portfolio_and_in_no_reconciliation(filled):
    publish(filled, entry(amount=Decimal("0.5")), entry("en-2", portfolio_id="pf-2", asset="SOL", amount=SMALLEST))

    assert positions(filled) == {
        (PORTFOLIO, "BTC"): 2,
        (PORTFOLIO, "EUR"): Decimal("799.4"),
        ("pf-2", "SOL"): SMALLEST,
    }
    assert ask(filled, "SELECT asset, difference FROM reconciliation") == [("BTC", 0), ("EUR", -1)]
    assert [row.difference for row in filled.reconcile(entries=[entry()])] == [0, -1]


def test_an_entry_with_a_connection_closes_the_gap_of_its_balance(filled):
    closing = entry(**OF_ALICE)

    publish(filled, closing)

    assert positions(filled)[PORTFOLIO, "EUR"] == Decimal("797.9")
    assert ask(filled, "SELECT asset, difference, suggested_entry FROM reconciliation") == [
        ("BTC", 0, ""),
        ("EUR", 0, ""),
    ]
    assert [row.difference for row in filled.reconcile(entries=[closing])] == [0, 0]
    assert filled.differences(entries=[closing]) == []
    assert [row.difference for row in filled.reconcile()] == [0, -1]  # the control, and nothing of it is remembered


def test_an_asset_that_only_an_entry_names_is_compared_with_a_balance_of_nothing(filled):
    (row,) = [row for row in filled.reconcile(entries=[entry(asset="SOL", **OF_ALICE)]) if row.asset == "SOL"]

    assert (row.reported, row.ledger, row.difference) == (0, -1, 1)


def test_sums_keep_every_digit_and_one_too_large_stops_nobody_else(filled):
    huge = Decimal("9" * 20)
    publish(
        filled,
        entry(asset="A", amount=huge, **OF_ALICE),
        entry("en-2", asset="A", amount=SMALLEST, **OF_ALICE),
        entry("en-3", asset="B", amount=huge),
        entry("en-4", asset="B", amount=huge),
    )

    found = positions(filled)
    assert found[PORTFOLIO, "A"] == Decimal("99999999999999999999.000000000000000001")
    assert found[PORTFOLIO, "B"] is None
    assert found[PORTFOLIO, "BTC"] == 2


def test_legs_and_transactions_show_entries_beside_trades_and_movements(filled):
    trade = {"kind": "buy", "price": Decimal(3), "note": "paper"}
    publish(
        filled,
        entry("en-1", role="base", asset="SOL", amount=Decimal(2), **trade),
        entry("en-1", role="quote", amount=Decimal(-6), **trade),
        entry("en-1", role="fee", amount=Decimal("-0.5"), **trade),
        entry("en-2", kind="swap", role="disposed", **OF_ALICE),
        entry("en-2", kind="swap", role="received", asset="SOL", amount=Decimal(1), **OF_ALICE),
    )

    assert ask(
        filled,
        "SELECT source_key, connection_id, portfolio_id, kind, role, asset, amount FROM legs "
        "WHERE source = 'entry' ORDER BY ALL",
    ) == [
        ("en-1", None, PORTFOLIO, "buy", "base", "SOL", 2),
        ("en-1", None, PORTFOLIO, "buy", "fee", "EUR", Decimal("-0.5")),
        ("en-1", None, PORTFOLIO, "buy", "quote", "EUR", -6),
        ("en-2", ALICE, PORTFOLIO, "swap", "disposed", "EUR", -1),
        ("en-2", ALICE, PORTFOLIO, "swap", "received", "SOL", 1),
    ]
    assert ask(filled, "SELECT count(*) FROM legs WHERE source <> 'entry' AND portfolio_id = 'pf-11111111'") == [(4,)]
    transactions = (
        "SELECT source_key, kind, asset, amount, quote_asset, quote_amount, price, fee_asset, fee_amount, group_key "
        "FROM portfolio_transactions WHERE source = 'entry' ORDER BY ALL"
    )
    assert ask(filled, transactions) == [
        ("en-1", "buy", "SOL", 2, "EUR", -6, 3, "EUR", Decimal("0.5"), "en-1"),
        ("en-2", "swap disposed", "EUR", -1, None, None, None, None, None, "en-2"),
        ("en-2", "swap received", "SOL", 1, None, None, None, None, None, "en-2"),
    ]
    assert ask(filled, "SELECT count(*) FROM entries WHERE note = 'paper'") == [(3,)]


def test_positions_are_the_sum_of_the_legs(filled):
    publish(filled, entry(), entry("en-2", asset="BTC", amount=Decimal(-2), **OF_ALICE))

    summed = "SELECT portfolio_id, asset, sum(amount) FROM legs GROUP BY ALL HAVING sum(amount) <> 0 ORDER BY ALL"
    assert ask(filled, "SELECT * FROM positions ORDER BY ALL") == ask(filled, summed)
