"""Everything that happened in an exchange account stands in the analyst's file: each once, every digit, and nothing else."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.live import amend_trade, append_trade, hide
from tests.scenarios.comparing import assert_exact, published_trades
from tests.scenarios.conftest import EXCHANGES, TRADES, copied
from tests.scenarios.homes import NOW

CASH = {"kraken": "USD", "binance": "USDT", "okx": "USDT"}
NUMBERED = ("trades_history", "movements_history", "balances_history", "quarantine")
"""What a rebuild makes again."""


def small(exchange):
    """An account with money, one coin bought and one deposited, all within the last days."""
    return (
        AccountBuilder(exchange, first_at=NOW - timedelta(days=5))
        .with_movement(asset=CASH[exchange], amount="200000")
        .with_movement(asset="BTC", amount="0.12345678", at=NOW - timedelta(hours=6))
        .with_fill(market=f"BTC/{CASH[exchange]}", amount="0.25")
    )


@pytest.fixture(scope="module", params=EXCHANGES)
def shown(request, masters, tmp_path_factory):
    """A whole history, imported and published; only to be read."""
    made = copied(*masters(request.param), tmp_path_factory.mktemp("shown") / "home")
    made.home.publish()
    yield made
    made.home.close()


def test_every_trade_and_movement_of_the_truth_stands_there_once_with_every_digit(shown):
    assert_exact(shown.home, shown.connection)
    assert shown.home.value("SELECT count(*) FROM trades") == TRADES
    assert shown.home.value("SELECT count(*) FROM movements") >= 20


def test_wallets_have_the_same_names_on_every_exchange(shown):
    moved = {row[0] for row in shown.home.read("SELECT DISTINCT wallet FROM movements")[1]}
    held = {row[0] for row in shown.home.read("SELECT DISTINCT wallet FROM balances")[1]}

    assert "spot" in moved & held
    assert len(moved | held) >= 2
    assert moved | held <= {"spot", "funding", "margin", "earn", "funding frozen"}


def test_what_each_portfolio_holds_is_what_the_exchange_reports_and_what_is_true(shown):
    positions = dict(shown.home.read("SELECT asset, amount FROM positions")[1])
    reported = dict(shown.home.read("SELECT asset, sum(total) FROM balances GROUP BY asset")[1])

    truth = {asset: total for asset, total in shown.account.balances().items() if total}
    assert positions == truth
    assert {asset: total for asset, total in reported.items() if total} == truth
    assert len(truth) >= 5


def test_reconciliation_is_0_for_every_asset(shown):
    rows = shown.home.query("SELECT asset, difference FROM reconciliation")

    assert {row["asset"] for row in rows} >= {asset for asset, total in shown.account.balances().items() if total}
    assert {row["difference"] for row in rows} == {Decimal(0)}


@pytest.mark.parametrize(
    ("exchange", "deposited"),
    [
        ("kraken", "123456789.0123456789"),
        ("binance", "1234.123456789012345678"),
        ("okx", "1234.123456789012345678"),
    ],
)
def test_digits_that_no_float_can_hold_arrive_whole(imported, exchange, deposited):
    it = imported(exchange)
    bought = "987654321.12345679"
    assert not {str(float(bought)), str(float(deposited))} & {bought, deposited}
    it.home.time.turn(hours=1)
    moment = it.home.time.now - timedelta(minutes=1)
    it.builder.with_movement(asset=CASH[exchange], amount="99999999999999", at=moment)
    it.builder.with_movement(asset="ETH", amount=deposited, at=moment).with_fill(amount=bought, at=moment)

    it.home.sync(it.connection)

    it.home.publish()
    assert_exact(it.home, it.connection)
    assert it.home.value("SELECT max(amount) FROM trades") == Decimal(bought)
    assert it.home.value("SELECT max(amount) FROM movements WHERE asset = 'ETH'") == Decimal(deposited)
    assert it.home.differences() == {}


def test_a_second_sync_adds_no_row(imported, exchange):
    it = imported(exchange)
    raw, trades = it.home.stored("raw_records"), it.home.stored("trades")

    report = it.home.sync(it.connection)

    assert report.run.outcome is Outcome.NOTHING_NEW
    assert (it.home.stored("raw_records"), it.home.stored("trades")) == (raw, trades)
    append_trade(it.account, now_us=it.home.time.now_us)  # the control: news are seen
    assert it.home.sync(it.connection).run.trades_added == 1
    assert it.home.stored("raw_records") > raw
    assert it.home.stored("trades") == trades + 1


def test_a_movement_that_the_exchange_hides_is_named_with_its_exact_amount(imported, exchange):
    it = imported(exchange)
    assert it.home.differences() == {}  # the control: nothing is hidden
    it.home.time.turn(hours=1)
    (deposit,) = it.builder.with_movement(asset="BTC", amount="0.12345678", at=it.home.time.now).movements[-1:]
    hide(it.account, deposit.movement_key)
    it.home.time.turn(hours=1)

    it.home.sync(it.connection)
    it.home.product.publishing.judge()

    (row,) = [row for row in it.home.product.lake.reconcile() if row.difference]
    total = it.account.balances()["BTC"]
    assert (row.asset, row.reported, row.ledger) == ("BTC", total, total - deposit.amount)
    assert row.difference == Decimal("0.12345678")
    assert "BTC +0.12345678" in it.home.standing(it.connection)["balance_mismatch"].detail
    it.account.hidden.clear()  # the control: with it, everything adds up
    it.home.sync(it.connection)
    it.home.product.publishing.judge()
    assert it.home.differences() == {}
    assert "balance_mismatch" not in it.home.standing(it.connection)


def test_a_record_that_the_exchange_shows_late_arrives_with_the_next_sync(imported, exchange):
    it = imported(exchange)
    it.home.time.turn(hours=4)
    now = it.home.time.now
    it.builder.with_fill(at=now - timedelta(hours=3), visible_at=now + timedelta(hours=1))
    it.builder.with_fill(at=now - timedelta(hours=2))
    assert it.home.sync(it.connection).run.trades_added == 1  # the control: it isn't shown yet

    it.home.time.turn(hours=2)
    report = it.home.sync(it.connection)

    assert report.run.trades_added == 1
    it.home.publish()
    assert_exact(it.home, it.connection)
    assert it.home.differences() == {}


def test_a_record_that_the_exchange_changes_is_a_new_version_and_the_old_one_stays(imported, exchange):
    it = imported(exchange)
    before = append_trade(it.account, now_us=it.home.time.now_us)
    it.home.time.turn(hours=1)
    it.home.sync(it.connection)
    known_from = it.home.time.now

    it.home.time.turn(hours=1)
    after = replace(before, fee_amount=before.fee_amount + Decimal("0.01"))
    amend_trade(it.account, after, now_us=it.home.time.now_us)
    report = it.home.sync(it.connection)

    assert (report.run.outcome, report.run.amended, report.run.trades_added) == (Outcome.ADDED, 1, 0)
    it.home.publish()
    assert_exact(it.home, it.connection)
    versions = it.home.query(
        "SELECT version, fee_amount, recorded_at, superseded_at FROM trades_history "
        "WHERE executed_at = (SELECT max(executed_at) FROM trades) ORDER BY version"
    )
    now = it.home.time.now
    for row in versions:  # on Kraken as stated: a decimal more than was booked
        row["fee_amount"] = row["fee_amount"].quantize(before.fee_amount)
    assert versions == [
        {"version": 1, "fee_amount": before.fee_amount, "recorded_at": known_from, "superseded_at": now},
        {"version": 2, "fee_amount": after.fee_amount, "recorded_at": now, "superseded_at": None},
    ]
    assert it.home.standing(it.connection)["amended_records"].detail == "1 records"
    assert it.home.sync(it.connection).run.amended == 0  # the control: it is counted once


def test_the_same_id_on_two_symbols_is_two_trades(home):
    account = small("binance").with_fill(market="BTC/USDT", id=7).with_fill(market="ETH/USDT", id=7)
    home.start(account)

    connection = home.imported(account)

    home.publish()
    assert {"spot:BTCUSDT:7:buy", "spot:ETHUSDT:7:buy"} <= published_trades(home, connection).keys()
    assert_exact(home, connection)


@pytest.mark.parametrize("before", [0, 998, 999, 1_000])
def test_a_trade_with_oneself_is_two_trades_under_one_id_even_where_a_page_ends_between_them(home, before):
    account = small("binance")
    for number in range(before):
        at = NOW - timedelta(days=2) + timedelta(seconds=number)
        account.with_fill(market="BTC/USDT", id=number + 1, amount="0.0001", at=at)
    for side in ("buy", "sell"):
        account.with_fill(market="BTC/USDT", id=5_000, side=side, amount="0.5", at=NOW - timedelta(days=1))
    account.with_fill(market="BTC/USDT", id=5_001, amount="0.0001", at=NOW - timedelta(hours=20))
    home.start(account)

    connection = home.imported(account)

    home.publish()
    assert {f"spot:BTCUSDT:5000:{side}" for side in ("buy", "sell")} <= published_trades(home, connection).keys()
    assert_exact(home, connection)
    assert "amended_records" not in home.standing(connection)


@pytest.mark.parametrize(
    ("exchange", "renamed", "old_market", "delisted"),
    [("kraken", "POL/USD", "MATICUSD", "REP/USD"), ("binance", "POL/USDT", "MATICUSDT", "XMR/USDT")],
)
def test_a_renamed_coin_is_one_asset_and_a_delisted_symbol_is_not_forgotten(
    home, exchange, renamed, old_market, delisted
):
    account = (
        AccountBuilder(exchange, first_at=datetime(2024, 1, 2, tzinfo=UTC))
        .with_movement(asset=CASH[exchange], amount="200000")
        .with_fill(market=renamed, amount="100", at=datetime(2024, 5, 1, 9, tzinfo=UTC))
        .with_fill(market=delisted, amount="2", at=datetime(2024, 5, 2, 9, tzinfo=UTC))
        .with_fill(market=renamed, amount="50", at=datetime(2025, 5, 1, 9, tzinfo=UTC))
    )
    home.start(account)

    connection = home.imported(account)

    home.publish()
    assert_exact(home, connection)
    assert home.differences() == {}
    assert home.value("SELECT base FROM trades ORDER BY executed_at LIMIT 1") == "POL"
    assert home.value("SELECT market FROM trades ORDER BY executed_at LIMIT 1") == old_market
    assert home.value("SELECT amount FROM positions WHERE asset = 'POL'") == account.account.balances()["POL"]
    assert "unknown_asset" not in home.standing(connection)


def test_a_symbol_delisted_within_the_last_months_is_not_forgotten_on_okx(home):
    account = small("okx").with_fill(market="FLM/USDT", amount="20", at=NOW - timedelta(days=60))
    home.start(account)

    connection = home.imported(account)

    home.publish()
    assert_exact(home, connection)
    assert home.value("SELECT count(*) FROM trades WHERE market = 'FLM-USDT'") == 1


def test_a_rebuild_gives_identical_rows_without_asking_the_exchange(imported, exchange):
    it = imported(exchange)
    it.home.publish()
    before = {name: rows_of(it.home, name) for name in NUMBERED}
    positions = rows_of(it.home, "positions")
    it.home.asked()

    (report,) = it.home.product.syncing.normalize_only([it.connection], rebuild=True)

    assert sum(it.home.asked().values()) == 0
    assert report.succeeded
    it.home.publish()
    for name, rows in before.items():
        assert rows_of(it.home, name) == rows
    assert rows_of(it.home, "positions") == positions
    assert sum(before["trades_history"].values()) >= TRADES
    it.home.sync(it.connection)  # the control: a sync is counted
    assert sum(it.home.asked().values()) > 0


def rows_of(home, table):
    """Every row of a published table, as often as it stands there."""
    return Counter(home.read(f"SELECT * FROM {table}")[1])  # noqa: S608 - our own names


def test_identical_simultaneous_trades_are_all_kept(imported, exchange):
    it = imported(exchange)
    it.home.time.turn(hours=1)
    for _ in range(3):
        it.builder.with_fill(price="2000", amount="1", at=it.home.time.now - timedelta(minutes=1))

    it.home.sync(it.connection)

    it.home.publish()
    assert_exact(it.home, it.connection)
    newest = "SELECT count(*) FROM trades WHERE executed_at = (SELECT max(executed_at) FROM trades) AND amount = 1"
    assert it.home.value(newest) == 3
    assert it.home.differences() == {}
