"""What every made-up history holds, and that the same seed makes the same one."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrifly_pipeline import sandbox
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.truth import TruthTrade
from tests.contract.sandbox.conftest import NOW, micros

NOW_US = micros(NOW)
DAY_US = 86_400_000_000
EXCHANGES = sorted(path.stem.removeprefix("profiles_") for path in Path(sandbox.__file__).parent.glob("profiles_*.py"))


@pytest.fixture(params=EXCHANGES)
def account(request, generated):
    return generated(request.param, 1_500)


def legs(record):
    """(asset, wallet, change) of a trade or a movement."""
    if not isinstance(record, TruthTrade):
        return [(record.asset, record.changed_wallet, record.amount)]
    sign = 1 if record.side == "buy" else -1
    return [
        (record.market.base, "spot", sign * record.amount),
        (record.market.quote, "spot", -sign * record.paid),
        (record.fee_asset, "spot", -record.fee_amount),
    ]


def moments(account):
    """What happened, moment by moment."""
    by_moment = {}
    for trade in account.trades:
        by_moment.setdefault(trade.executed_at_us, []).append(trade)
    for movement in account.movements:
        by_moment.setdefault(movement.occurred_at_us, []).append(movement)
    return [by_moment[moment] for moment in sorted(by_moment)]


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), trades=st.integers(1, 500), exchange=st.sampled_from(EXCHANGES))
def test_no_balance_is_ever_negative_and_the_trades_are_as_many_as_asked_for(seed, trades, exchange):
    account = generate(exchange, seed, trades=trades, now_us=NOW_US)

    held = Counter()
    for records in moments(account):
        for asset, wallet, change in (leg for record in records for leg in legs(record)):
            held[asset, wallet] += change
        assert min(held.values()) >= 0
    assert len(account.trades) == trades
    assert all(total >= 0 for total in account.balances().values())


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_same_seed_makes_the_same_account_and_another_one_another(exchange):
    first = generate(exchange, 1, trades=300, now_us=NOW_US)

    assert first == generate(exchange, 1, trades=300, now_us=NOW_US)
    assert first.trades != generate(exchange, 2, trades=300, now_us=NOW_US).trades


def test_a_fifth_of_all_acquisitions_never_shows_as_a_fill(account):
    bought = sum(trade.side == "buy" for trade in account.trades)
    converted = sum(movement.role == "received" for movement in account.movements)

    assert Decimal("0.2") <= Decimal(converted) / (bought + converted) < Decimal("0.5")


def test_every_key_stands_once(account):
    assert len({trade.trade_key for trade in account.trades}) == len(account.trades)
    assert len({movement.movement_key for movement in account.movements}) == len(account.movements)


def test_a_burst_of_one_millisecond_is_longer_than_two_pages(account):
    in_one_millisecond = Counter(trade.executed_at_us // 1_000 for trade in account.trades)

    assert max(in_one_millisecond.values()) >= 120


def test_some_simultaneous_trades_differ_by_nothing_but_their_ids(account):
    same = Counter((t.market.code, t.side, t.price, t.amount, t.executed_at_us) for t in account.trades)

    assert max(same.values()) > 1


def test_there_are_rebates_fees_in_a_third_asset_and_every_kind_of_movement(account):
    kinds = Counter((movement.kind, movement.role) for movement in account.movements)

    assert min(trade.fee_amount for trade in account.trades) < 0
    assert {kind for kind, _ in kinds} & {"reward", "interest", "airdrop"}
    in_trades = {t.fee_asset for t in account.trades if t.fee_asset not in {t.market.base, t.market.quote}}
    assert in_trades
    assert kinds.keys() >= {
        ("deposit", "main"),
        ("withdrawal", "main"),
        ("convert", "disposed"),
        ("convert", "received"),
    }


def test_late_records_come_within_a_day_and_amended_ones_have_other_values(account):
    late = [t for t in account.trades if t.visible_at_us > t.executed_at_us]
    by_key = {trade.trade_key: trade for trade in account.trades}

    assert late
    assert all(trade.visible_at_us <= trade.executed_at_us + DAY_US for trade in late)
    assert account.amendments
    for amendment in account.amendments:
        assert amendment.before != by_key[amendment.key]
        assert amendment.amended_at_us <= amendment.before.executed_at_us + DAY_US


def test_time_alone_shows_late_records_and_amendments(account):
    amendment = account.amendments[0]
    late = next(t for t in account.trades if t.visible_at_us > t.executed_at_us)

    def shown(at_us):
        return {trade.trade_key: trade for trade in account.shown_trades(at_us)}

    assert shown(amendment.amended_at_us - 1)[amendment.key] == amendment.before
    assert shown(amendment.amended_at_us)[amendment.key] != amendment.before
    assert late.trade_key not in shown(late.visible_at_us - 1)
    assert late.trade_key in shown(late.visible_at_us)
    assert shown(NOW_US).keys() == {trade.trade_key for trade in account.trades}
    assert account.balances(NOW_US) == account.balances()


def test_every_exchange_with_a_profile_is_tested():
    assert "kraken" in EXCHANGES


def test_kraken_shows_a_delisted_market_a_rename_and_staked_codes(generated):
    account = generated("kraken", 1_500)

    codes = {movement.extra.get("code") for movement in account.movements}

    assert any(not trade.market.listed for trade in account.trades)
    assert {movement.kind for movement in account.movements} >= {"transfer", "adjustment"}
    assert {"MATIC", "POL", "SOL03.S", "DOT.S", "XBT.M", "ETH.F"} <= codes
    assert sum(m.amount for m in account.movements if m.extra.get("code") in {"MATIC", "POL"}) == 0
