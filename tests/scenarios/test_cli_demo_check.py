"""The demo's comparison with the truth: what it must notice, each planted here."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metrifly_pipeline.cli.demo_check import added_up, compare_movements, compare_trades

TRUTH = {
    "trade_key": "spot:BTCUSDT:7",
    "native_id": "7",
    "base": "BTC",
    "quote": "USDT",
    "side": "buy",
    "price": "61234.500",
    "amount": "0.000000000000000001",
    "cost": "0.000000000000061235",
    "fee_asset": "BNB",
    "fee_amount": "-0.10",
    "executed_at_us": 1_700_000_000_123_456,
}
OURS = {
    "trade_key": "spot:BTCUSDT:7",
    "native_id": "7",
    "base": "BTC",
    "quote": "USDT",
    "side": "buy",
    "price_text": "61234.5",
    "amount": Decimal("0.000000000000000001"),
    "cost": Decimal("0.000000000000061235"),
    "fee_asset": "BNB",
    "fee_amount": Decimal("-0.100000000000000000"),
    "executed_at": datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC),
}
MOVEMENT = {
    "movement_key": "L1",
    "native_id": "L1",
    "group_key": "R1",
    "kind": "deposit",
    "role": "main",
    "asset": "EUR",
    "amount": "100",
    "wallet": "spot",
    "occurred_at_us": 1_700_000_000_000_000,
}
OUR_MOVEMENT = {
    **{name: value for name, value in MOVEMENT.items() if name != "occurred_at_us"},
    "amount": Decimal("100.000000000000000000"),
    "occurred_at": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
}


def test_rows_that_say_the_same_are_exact_whatever_the_zeros_behind_the_point():
    verdict = compare_trades([TRUTH], [OURS])

    assert verdict.ok
    assert (verdict.exact, verdict.expected) == (1, 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("native_id", "8"),
        ("base", "ETH"),
        ("quote", None),
        ("side", "sell"),
        ("price_text", "61234.51"),
        ("amount", Decimal("0.000000000000000002")),
        ("cost", Decimal("0.000000000000061234")),
        ("fee_asset", None),
        ("fee_amount", Decimal("0.1")),
        ("executed_at", datetime(2023, 11, 14, 22, 13, 20, 123455, tzinfo=UTC)),
    ],
)
def test_one_planted_difference_in_any_field_of_a_trade_is_found(column, value):
    verdict = compare_trades([TRUTH], [{**OURS, column: value}])

    assert not verdict.ok
    assert verdict.exact == 0
    assert [difference.field for difference in verdict.differences] == [
        {"price_text": "price", "executed_at": "executed_at_us"}.get(column, column)
    ]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("group_key", "R2"),
        ("kind", "reward"),
        ("role", "fee"),
        ("asset", "USD"),
        ("amount", Decimal(-100)),
        ("wallet", "funding"),
    ],
)
def test_one_planted_difference_in_any_field_of_a_movement_is_found(column, value):
    assert compare_movements([MOVEMENT], [OUR_MOVEMENT]).ok

    assert not compare_movements([MOVEMENT], [{**OUR_MOVEMENT, column: value}]).ok


def test_a_missing_trade_is_found():
    verdict = compare_trades([TRUTH, {**TRUTH, "trade_key": "spot:ETHUSDT:7"}], [OURS])

    assert (verdict.exact, verdict.expected, verdict.ok) == (1, 2, False)
    assert str(verdict.differences[0]) == "spot:ETHUSDT:7: row is missing, in truth there"


def test_a_trade_that_stands_twice_is_found():
    verdict = compare_trades([TRUTH], [OURS, OURS])

    assert (verdict.exact, verdict.ok) == (0, False)


def test_a_trade_that_the_truth_does_not_know_is_found():
    verdict = compare_trades([TRUTH], [OURS, {**OURS, "trade_key": "spot:BTCUSDT:8"}])

    assert verdict.exact == verdict.expected == 1
    assert not verdict.ok


def test_verdicts_of_several_exchanges_add_up():
    good, bad = compare_trades([TRUTH], [OURS]), compare_trades([TRUTH], [])

    total = added_up([good, bad])

    assert (total.exact, total.expected, len(total.differences)) == (1, 2, 1)
