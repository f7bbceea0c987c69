"""Independent clients read the whole history from the local Binance, and get the truth, each record once, every digit."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from metrifly_pipeline.sandbox.dialects.binance_codes import code_of
from metrifly_pipeline.sandbox.generate import generate
from metrifly_pipeline.sandbox.server import Sandbox
from metrifly_pipeline.sandbox.truth import TruthAccount
from tests.contract.sandbox import binance_readers as readers

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
FIRST_MS = NOW_US // 1_000 - 5 * 366 * readers.DAY_MS


@pytest.fixture(scope="module", autouse=True)
def stopped_clock() -> Iterator[None]:
    """The clients stamp their requests with the machine's clock."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(scope="module")
def account() -> TruthAccount:
    return generate("binance", 7, trades=700, now_us=NOW_US)


@pytest.fixture(scope="module")
def sandbox(account: TruthAccount) -> Iterator[Sandbox]:
    with Sandbox([account], seed=7, clock=time.time, scale=1_000.0) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox, account: TruthAccount) -> Any:
    return readers.client_of(sandbox.base_url("binance"), next(iter(account.keys.values())))


@pytest.fixture
def exchange(sandbox: Sandbox, account: TruthAccount) -> Any:
    return readers.ccxt_of(sandbox.base_url("binance"), next(iter(account.keys.values())))


def test_python_binance_reads_every_trade_exactly_once(client, account):
    symbols = [symbol["symbol"] for symbol in client.get_exchange_info()["symbols"]]

    read = {
        f"spot:{symbol}:{row['id']}:{'buy' if row['isBuyer'] else 'sell'}": readers.trade_facts(row)
        for symbol in symbols
        for row in readers.symbol_pages(lambda params: client.get_my_trades(**params), symbol, 50)
    }

    assert read == readers.true_trades(account, code_of)
    assert len(read) == 700


def test_ccxt_reads_every_trade_exactly_once(exchange, account):
    symbols = [market["id"] for market in exchange.fetch_markets()]

    read = {
        f"spot:{symbol}:{row['id']}:{'buy' if row['isBuyer'] else 'sell'}": readers.trade_facts(row)
        for symbol in symbols
        for row in readers.symbol_pages(exchange.privateGetMyTrades, symbol, 1_000)
    }

    assert read == readers.true_trades(account, code_of)


def test_python_binance_reads_every_movement_exactly_once(client, account):
    endpoints = {
        "deposits": client.get_deposit_history,
        "withdrawals": client.get_withdraw_history,
        "dust": client.get_dust_log,
        "converts": client.get_convert_trade_history,
        "dividends": client.get_asset_dividend_history,
        "payments": client.get_fiat_payments_history,
    }

    read = readers.movements_of(lambda name, params: endpoints[name](**params), FIRST_MS, NOW_US // 1_000)

    assert read == readers.true_movements(account, code_of)
    assert {key.partition(":")[0] for key in read} == {"deposit", "withdrawal", "dust", "convert", "reward", "buy"}


def test_ccxt_reads_every_movement_exactly_once(exchange, account):
    endpoints = {
        "deposits": exchange.sapiGetCapitalDepositHisrec,
        "withdrawals": exchange.sapiGetCapitalWithdrawHistory,
        "dust": exchange.sapiGetAssetDribblet,
        "converts": exchange.sapiGetConvertTradeFlow,
        "dividends": exchange.sapiGetAssetAssetDividend,
        "payments": exchange.sapiGetFiatPayments,
    }

    read = readers.movements_of(lambda name, params: endpoints[name](params), FIRST_MS, NOW_US // 1_000)

    assert read == readers.true_movements(account, code_of)


def test_ccxt_understands_a_fill_a_deposit_and_a_withdrawal(exchange, account):
    trade = next(t for t in account.trades if t.market.code == "BTC/USDT")
    deposit = next(m for m in account.movements if m.kind == "deposit")

    fill = exchange.fetch_my_trades("BTC/USDT", limit=1_000, params={"fromId": int(trade.native_id)})[0]
    (arrived,) = exchange.fetch_deposits(since=deposit.occurred_at_us // 1_000, limit=1)

    assert (fill["id"], fill["side"], Decimal(fill["price"])) == (trade.native_id, trade.side, trade.price)
    assert (Decimal(fill["amount"]), Decimal(fill["cost"])) == (trade.amount, trade.cost)
    assert arrived["status"] == "ok"
    assert Decimal(arrived["amount"]) > 0


def test_wallets_add_up_to_what_truly_happened(client, account):
    held: dict[str, Decimal] = {}
    spot = client.get_account()["balances"]
    funding = client._request_margin_api("post", "asset/get-funding-asset", signed=True, data={})
    for row in [*spot, *funding]:
        code = {"LDBNB": "BNB", "LDETH": "ETH"}.get(row["asset"], row["asset"])
        parts = (Decimal(row.get(name, "0")) for name in ("free", "locked", "freeze", "withdrawing"))
        held[code] = held.get(code, Decimal(0)) + sum(parts)

    assert {code: total for code, total in held.items() if total} == {
        code_of(asset, NOW_US): total for asset, total in account.balances().items() if total
    }
    assert {"LDBNB", "LDETH"} <= {row["asset"] for row in spot}
    assert [row["asset"] for row in funding] == ["TRX"]


def test_what_lies_elsewhere_is_valued_wallet_by_wallet(client, account):
    account.elsewhere["Cross Margin"] = "0.5"
    try:
        wallets = {row["walletName"]: row["balance"] for row in client.margin_v1_get_asset_wallet_balance()}
    finally:
        account.elsewhere.clear()

    assert {"Spot", "Funding", "USDⓈ-M Futures", "Earn"} <= wallets.keys()
    assert {name for name, worth in wallets.items() if Decimal(worth)} == {"Cross Margin"}


def test_assets_without_zeros_are_the_same_in_both_lists(client):
    held = client.get_account(omitZeroBalances="true")["balances"]

    assert {(row["asset"], row["free"]) for row in client.get_user_asset()} == {(r["asset"], r["free"]) for r in held}
    assert len(held) <= len(client.get_account()["balances"])


def test_the_history_has_what_makes_binance_hard(account):
    ids = [trade.native_id for trade in account.trades]
    symbols = {trade.trade_key.split(":")[1] for trade in account.trades}

    assert len(set(ids)) < len(ids)
    assert {"MATICUSDT", "POLUSDT", "XMRUSDT"} <= symbols
    assert any(trade.fee_asset == "BNB" != trade.market.base for trade in account.trades)
    assert any(trade.fee_amount < 0 for trade in account.trades)
    assert any(trade.cost != trade.price * trade.amount for trade in account.trades)


def test_a_delisted_symbol_and_one_under_its_old_name_stay_listed_as_break(client):
    status = {symbol["symbol"]: symbol["status"] for symbol in client.get_exchange_info()["symbols"]}

    assert (status["XMRUSDT"], status["MATICUSDT"], status["POLUSDT"]) == ("BREAK", "BREAK", "TRADING")


def test_the_latest_trades_come_without_any_bound_and_in_ascending_order(client, account):
    ids = sorted(int(t.native_id) for t in account.trades if t.trade_key.startswith("spot:ETHUSDT:"))

    assert [row["id"] for row in client.get_my_trades(symbol="ETHUSDT", limit=5)] == ids[-5:]
    assert [row["id"] for row in client.get_my_trades(symbol="ETHUSDT")] == ids[-500:]


def test_a_day_of_trades_is_cut_out_by_time(client, account):
    at_ms = next(t.executed_at_us for t in account.trades if t.market.code == "SOL/USDT") // 1_000

    rows = client.get_my_trades(symbol="SOLUSDT", startTime=at_ms, endTime=at_ms + readers.DAY_MS)

    of_that_day = [
        int(t.native_id)
        for t in account.trades
        if t.market.code == "SOL/USDT" and at_ms <= t.executed_at_us // 1_000 <= at_ms + readers.DAY_MS
    ]
    assert [row["id"] for row in rows] == of_that_day != []


def test_more_converts_than_a_page_are_announced(client, account):
    moments = sorted({m.occurred_at_us // 1_000 for m in account.movements if m.movement_key.startswith("convert:")})
    first, second = next(p for p in itertools.pairwise(moments) if p[1] - p[0] < readers.DAY_MS)

    whole = client.get_convert_trade_history(startTime=first, endTime=second, limit=2)
    cut = client.get_convert_trade_history(startTime=first, endTime=second, limit=1)

    assert (len(whole["list"]), whole["moreData"]) == (2, False)
    assert (len(cut["list"]), cut["moreData"]) == (1, True)
