"""How much an exchange is asked: a sync without news asks each thing once, and what changes rarely once a day."""

from collections import Counter
from datetime import timedelta

from metrifly_pipeline.domain.status import Outcome
from metrifly_pipeline.sandbox.builder import AccountBuilder
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.live import append_trade
from tests.scenarios.comparing import assert_exact
from tests.scenarios.homes import NOW, SEED

ONCE_A_DAY = {
    "kraken": Counter({"privatePostGetApiKeyInfo": 1, "publicGetAssetPairs": 1}),
    "binance": Counter(
        sapiGetAccountApiRestrictions=1, privateGetAccount=1, sapiGetAssetWalletBalance=1, publicGetExchangeInfo=1
    ),
    "okx": Counter(
        privateGetAccountConfig=1,
        privateGetAccountBalance=1,
        privateGetAssetAssetValuation=1,
        publicGetPublicInstruments=1,
    ),
}
"""Asking what a key may do and what lies elsewhere (on Binance and OKX that reads the account too), and which markets there are."""


def once_each(home, exchange):
    """One request a stream and category, and one a wallet; streams whose symbols must be discovered have none."""
    return Counter(stream.endpoint for stream in home.product.gateway.spec(exchange).streams for _ in stream.scopes)


def test_a_sync_without_news_asks_each_stream_and_category_and_each_wallet_once(imported, exchange, figure):
    it = imported(exchange)
    it.home.asked()

    report = it.home.sync(it.connection)

    assert report.run.outcome is Outcome.NOTHING_NEW
    assert Counter(report.requests) == once_each(it.home, exchange)
    figure(f"a second sync of {exchange} without news: {report.run.requests} private requests")
    assert report.run.requests == sum(it.home.asked().values())  # the exchange's own count says the same


def test_what_a_key_may_do_and_the_markets_are_asked_once_a_day_and_the_clock_not_at_all(imported, exchange):
    it = imported(exchange)
    usual = once_each(it.home, exchange)
    it.home.time.turn(hours=22)
    assert Counter(it.home.sync(it.connection).requests) == usual

    it.home.time.turn(hours=2)
    next_day = Counter(it.home.sync(it.connection).requests)

    assert next_day == usual + ONCE_A_DAY[exchange]
    it.home.time.turn(minutes=1)
    assert Counter(it.home.sync(it.connection).requests) == usual


def small_binance():
    """An account without BNB, so that a trade moves its two assets and nothing else."""
    return (
        AccountBuilder("binance", first_at=NOW - timedelta(days=5))
        .with_movement(asset="USDT", amount="100000")
        .with_fill(market="BTC/USDT", amount="0.5")
        .with_fill(market="SOL/USDT", amount="5")
    )


def symbols_asked(home):
    """The symbols whose trades were asked for, each as often as it was asked."""
    return Counter(dict(asked.query)["symbol"] for asked, _ in home.seen.answers if asked.path == "/api/v3/myTrades")


def test_binance_is_asked_only_for_symbols_whose_assets_moved(home):
    account = small_binance()
    home.start(account)
    connection = home.imported(account)
    home.time.turn(hours=1)
    home.asked()
    home.sync(connection)
    assert symbols_asked(home) == Counter()

    append_trade(account.account, now_us=home.time.now_us, market="ETH/USDT")
    report = home.sync(connection)

    assert report.run.trades_added == 1
    assert symbols_asked(home) == Counter(["ETHUSDT"])
    home.publish()
    assert_exact(home, connection)


def test_all_symbols_of_binance_are_asked_again_when_the_sweep_is_due(home):
    account = small_binance()
    home.start(account)
    connection = home.imported(account)
    everything = {market.market_id for market in home.product.lake.markets("binance")}
    assert len(everything) > 20
    for _ in range(6):  # the control: within the week nothing is swept
        home.time.turn(days=1)
        home.asked()
        home.sync(connection)
        assert symbols_asked(home) == Counter()

    home.time.turn(days=1)
    home.sync(connection)

    assert symbols_asked(home) == Counter(everything)


def test_no_page_of_a_much_traded_symbol_is_asked_for_twice_in_an_import_nor_in_a_sweep(home):
    account = small_binance()
    for number in range(2_200):  # three pages, all within what a sweep reads again
        at = NOW - timedelta(days=4) + timedelta(minutes=number / 2)
        account.with_fill(market="BTC/USDT", amount="0.001", fee="0", at=at)
    home.start(account)

    connection = home.imported(account)
    of_the_import = symbols_asked(home)
    home.time.turn(days=7)
    append_trade(account.account, now_us=home.time.now_us, market="BTC/USDT")
    home.asked()
    report = home.sync(connection)

    assert of_the_import["BTCUSDT"] == 3 + 1  # and once more for news, after what the account holds was read
    assert of_the_import["SOLUSDT"] == 1 + 1
    assert report.run.trades_added == 1
    assert symbols_asked(home)["BTCUSDT"] == 3
    assert set(symbols_asked(home)) == {market.market_id for market in home.product.lake.markets("binance")}
    home.publish()
    assert_exact(home, connection)


def test_trades_that_leave_no_trace_in_any_balance_are_found_by_the_sweep(home):
    account = small_binance()
    home.start(account)
    connection = home.imported(account)
    home.time.turn(days=1)
    for side in ("buy", "sell"):
        account.with_fill(market="ETH/USDT", side=side, amount="1", fee="0", at=home.time.now)
    assert home.sync(connection).run.trades_added == 0  # the control: nothing points to them

    home.time.turn(days=6)
    report = home.sync(connection)

    assert report.run.trades_added == 2
    home.publish()
    assert_exact(home, connection)


def test_an_import_and_a_sweep_of_binance_stay_within_its_real_limits(home):
    account = generate("binance", SEED, trades=40, now_us=home.time.now_us, span_days=700)
    home.start(account, scale=1.0)

    connection = home.imported(account)
    home.time.turn(days=8)
    home.sync(connection)

    assert {status for _, status in home.seen.answers} == {200}
    assert sum(home.time.slept) > 60  # the control: the limits were felt
    home.publish()
    assert_exact(home, connection)
