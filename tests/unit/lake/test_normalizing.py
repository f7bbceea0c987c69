"""Raw records become trades and movements with every digit and the right sign."""

from datetime import timedelta
from decimal import Decimal

from tests.unit.lake.toy import START, only_trade, reasons, rows_of


def test_a_fill_becomes_a_trade_with_our_asset_codes_and_every_digit(listed, alice):
    outcome = alice.take(
        alice.fill(7, price="30000.10", amount="0.12345678", cost="3703.715745678", fee="0.5", order="o1")
    )

    trade = only_trade(listed)
    assert outcome.trades_added == 1
    assert outcome.first_trade_at == outcome.last_trade_at == START + timedelta(seconds=7)
    assert {name: trade[name] for name in ("trade_key", "native_id", "order_id", "market", "side", "version")} == {
        "trade_key": "7",
        "native_id": "7",
        "order_id": "o1",
        "market": "XBTEUR",
        "side": "buy",
        "version": 1,
    }
    assert (trade["base"], trade["quote"], trade["fee_asset"]) == ("BTC", "EUR", "EUR")
    assert (trade["base_code"], trade["quote_code"], trade["fee_code"]) == ("XBT", "EUR", "EUR")
    assert (trade["amount"], trade["price"], trade["price_text"]) == (
        Decimal("0.12345678"),
        Decimal("30000.1"),
        "30000.10",
    )
    assert (trade["cost"], trade["cost_is_derived"], trade["fee_amount"]) == (
        Decimal("3703.715745678"),
        False,
        Decimal("0.5"),
    )
    assert trade["executed_at"] == START + timedelta(seconds=7)


def test_a_cost_that_the_exchange_does_not_tell_is_multiplied_exactly(listed, alice):
    alice.take(alice.fill(1, cost=None, amount="1.5", price="2.5"))
    alice.take(alice.fill(2, cost=None, amount="1.000000000000000003", price="0.5"))

    costs = [(trade["cost"], trade["cost_is_derived"]) for trade in rows_of(listed, "trades")]
    assert costs == [(Decimal("3.75"), True), (Decimal("0.500000000000000002"), True)]


def test_numbers_with_exponents_are_the_same_numbers(listed, alice):
    alice.take(alice.fill(1, price="1.5E+3", amount="25e-4", cost="3.75", fee="0E-8"))

    trade = only_trade(listed)
    assert (trade["price"], trade["amount"], trade["fee_amount"]) == (Decimal(1500), Decimal("0.0025"), Decimal(0))
    assert trade["price_is_exact"]


def test_a_price_with_more_decimals_is_rounded_beside_the_exchanges_own_digits(listed, alice):
    digits = "0.1234567890123456785"
    alice.take(alice.fill(1, price=digits, amount="2", cost=None))

    trade = only_trade(listed)
    assert (trade["price"], trade["price_text"], trade["price_is_exact"]) == (
        Decimal("0.123456789012345678"),
        digits,
        False,
    )
    assert trade["cost"] == Decimal("0.246913578024691357")


def test_a_fee_of_nothing_needs_no_asset_and_a_rebate_is_negative(listed, alice):
    alice.take(
        alice.fill(1, fee="0", fee_code=None), alice.fill(2, fee=None, fee_code=None), alice.fill(3, fee="-0.25")
    )

    assert [trade["fee_amount"] for trade in rows_of(listed, "trades")] == [Decimal(0), None, Decimal("-0.25")]
    assert reasons(listed) == []


def test_a_record_that_rightly_gives_nothing_is_neither_landed_nor_quarantined(lake, alice):
    outcome = alice.take(alice.movement(1, kind="trade"), alice.movement(2))

    assert [row["movement_key"] for row in rows_of(lake, "movements")] == ["2"]
    assert outcome.quarantined == 0
    assert alice.normalize().movements_added == 0


def test_a_movement_gets_the_sign_of_its_direction(lake, alice):
    alice.take(
        alice.movement(1, amount="1.5", direction="in"),
        alice.movement(2, amount="1.5", direction="out"),
        alice.movement(3, amount="-1.5"),
        alice.movement(4, amount="-1.5", direction="out"),
        alice.movement(5, amount="15e-1", direction="out"),
    )

    amounts = [Decimal("1.5"), Decimal("-1.5"), Decimal("-1.5"), Decimal("-1.5")]
    assert [row["amount"] for row in rows_of(lake, "movements")] == amounts
    assert reasons(lake) == ["amount: negative"]
