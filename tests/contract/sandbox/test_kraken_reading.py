"""Clients that nobody here wrote read Kraken's dialect and get the ledger of truth, every digit of it."""

import itertools
import json
from decimal import Decimal

import ccxt
import krakenex
import pytest

from metrifly_pipeline.sandbox.dialects.kraken.codes import COIN


class Krakenex:
    """krakenex on loopback; its own nonce (milliseconds) repeats when calls are faster than that."""

    def __init__(self, sandbox, key):
        self._api = krakenex.API(key.api_key, key.secret)
        self._api.uri = sandbox.base_url("kraken")
        self._api.json_options(parse_float=Decimal)
        nonces = itertools.count(1)
        self._api._nonce = lambda: next(nonces)

    def __call__(self, method, **asked):
        answer = self._api.query_private(method, asked)
        assert answer["error"] == []
        return answer["result"]

    def close(self):
        self._api.close()


class Ccxt:
    """ccxt on loopback, numbers as they stand on the wire."""

    def __init__(self, sandbox, key):
        self._api = ccxt.kraken({"apiKey": key.api_key, "secret": key.secret, "enableRateLimit": False})
        self._api.urls["api"] = dict.fromkeys(self._api.urls["api"], sandbox.base_url("kraken"))
        self._api.on_json_response = lambda text: json.loads(text, parse_float=Decimal)
        nonces = itertools.count(1)
        self._api.nonce = lambda: next(nonces)

    def __call__(self, method, **asked):
        return getattr(self._api, f"privatePost{method}")(asked)["result"]

    def close(self):
        self._api.session.close()


@pytest.fixture(params=[Krakenex, Ccxt])
def client(request, start, generated):
    account = generated("kraken", 400)
    made = request.param(start(account), next(iter(account.keys.values())))
    yield made
    made.close()


def read_all(client, method, rows):
    """Every page until the count is reached; a row that comes twice fails."""
    read = {}
    while True:
        result = client(method, ofs=len(read))
        page = result[rows]
        assert not read.keys() & page.keys()
        read |= page
        if len(read) >= result["count"]:
            return read
        assert len(page) == 50


def micros(moment):
    return int(Decimal(str(moment)) * 1_000_000)


def test_the_trades_read_are_the_trades_made_to_the_last_digit(client, generated):
    rows = read_all(client, "TradesHistory", "trades")

    assert {
        key: (row["type"], *map(Decimal, (row["price"], row["vol"], row["cost"])), micros(row["time"]))
        for key, row in rows.items()
    } == {
        trade.trade_key: (trade.side, trade.price, trade.amount, trade.cost, trade.executed_at_us)
        for trade in generated("kraken", 400).trades
    }


def test_a_fee_is_stated_in_the_quote_and_taken_in_what_the_ledger_says(client, generated):
    stated = {key: Decimal(row["fee"]) for key, row in read_all(client, "TradesHistory", "trades").items()}
    lines = [row for row in read_all(client, "Ledgers", "ledger").values() if row["type"] == "trade"]
    taken = {
        row["refid"]: (COIN[row["asset"]].asset, Decimal(row["fee"])) for row in reversed(lines) if Decimal(row["fee"])
    }
    trades = generated("kraken", 400).trades

    assert taken == {t.trade_key: (t.fee_asset, t.fee_amount) for t in trades if t.fee_amount}
    in_quote = [t for t in trades if t.fee_asset == t.market.quote]
    assert [stated[t.trade_key].quantize(t.fee_amount) for t in in_quote] == [t.fee_amount for t in in_quote]
    assert any(stated[t.trade_key] != t.fee_amount for t in in_quote)  # a fill states one decimal more than the ledger
    others = [t for t in trades if t not in in_quote]
    assert {"KFEE"} < {t.fee_asset for t in others}
    for trade in others:
        about = trade.cost * Decimal("0.0026")
        assert about / 2 < stated[trade.trade_key] <= about + Decimal("0.01")


def test_the_ledger_read_holds_every_movement_and_both_sides_of_every_trade(client, generated):
    account = generated("kraken", 400)
    rows = read_all(client, "Ledgers", "ledger")

    moved = {}
    for key, row in rows.items():
        if row["type"] == "trade":
            continue
        if Decimal(row["amount"]):
            moved[key] = (COIN[row["asset"]].asset, Decimal(row["amount"]))
        if Decimal(row["fee"]):
            moved[f"{key}:fee" if key in moved else key] = (COIN[row["asset"]].asset, -Decimal(row["fee"]))

    assert moved == {m.movement_key: (m.asset, m.amount) for m in account.movements}
    assert sum(row["type"] == "trade" and row["asset"] != "KFEE" for row in rows.values()) == 2 * len(account.trades)


def test_balances_are_what_ledger_and_truth_add_up_to(client, generated):
    rows = read_all(client, "Ledgers", "ledger")
    balances = {code: Decimal(row["balance"]) for code, row in client("BalanceEx").items()}

    by_code, by_asset = {}, {}
    for row in rows.values():
        change = Decimal(row["amount"]) - Decimal(row["fee"])
        by_code[row["asset"]] = by_code.get(row["asset"], 0) + change
    for code, total in balances.items():
        by_asset[COIN[code].asset] = by_asset.get(COIN[code].asset, 0) + total
    assert balances == by_code
    assert {asset: total for asset, total in by_asset.items() if total} == {
        asset: total for asset, total in generated("kraken", 400).balances().items() if total
    }
    assert {code: Decimal(total) for code, total in client("Balance").items()} == balances


def test_each_ledger_line_shows_the_balance_after_it(client):
    rows = read_all(client, "Ledgers", "ledger")

    balances = {}
    for row in reversed(rows.values()):
        balances[row["asset"]] = balances.get(row["asset"], 0) + Decimal(row["amount"]) - Decimal(row["fee"])
        assert Decimal(row["balance"]) == balances[row["asset"]]


def test_the_key_tells_the_account_and_what_it_may_do(client, generated):
    account = generated("kraken", 400)

    told = client("GetApiKeyInfo")

    assert told["iban"] == account.uid
    assert told["permissions"] == ["query-funds", "query-open-trades", "query-closed-trades", "query-ledger"]
    assert (told["ipAllowlist"], told["validUntil"], told["queryFrom"]) == ([], "0", "0")


def test_ccxt_loads_markets_and_parses_what_it_reads(start, generated):
    account = generated("kraken", 400)
    key = next(iter(account.keys.values()))
    client = Ccxt(start(account), key)
    exchange = client._api

    exchange.load_markets()
    trades = exchange.fetch_my_trades()

    assert "BTC/USD" in exchange.markets
    assert "REP/USD" not in exchange.markets
    assert len(trades) == 50
    assert {trade["id"] for trade in trades} <= {trade.trade_key for trade in account.trades}
    client.close()
