"""Reads a whole Binance history through python-binance and through ccxt, into the truth's own words."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import ccxt
from binance.client import Client

from metrifly_pipeline.sandbox.truth import TruthAccount, TruthKey

DAY_MS = 86_400_000
Legs = dict[str, tuple[str, Decimal, int]]
"""By movement key: code, signed amount, time in milliseconds."""


def client_of(base_url: str, key: TruthKey) -> Client:
    client = Client(key.api_key, key.secret, ping=False)
    client.API_URL = f"{base_url}/api"
    client.MARGIN_API_URL = f"{base_url}/sapi"
    return client


def ccxt_of(base_url: str, key: TruthKey) -> ccxt.binance:
    exchange = ccxt.binance(
        {
            "apiKey": key.api_key,
            "secret": key.secret,
            "number": str,
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}},
        }
    )
    exchange.urls["api"] = {
        name: url.replace("https://api.binance.com", base_url) for name, url in exchange.urls["api"].items()
    }
    return exchange


def symbol_pages(my_trades: Callable[..., list[dict[str, Any]]], symbol: str, limit: int) -> Iterator[dict[str, Any]]:
    """All fills of a symbol: the next page begins at the last id and one."""
    first = 0
    while True:
        page = my_trades({"symbol": symbol, "fromId": first, "limit": limit})
        assert [row["id"] for row in page] == sorted({int(row["id"]) for row in page})
        yield from page
        if len(page) < limit:
            return
        first = page[-1]["id"] + 1


def windows(first_ms: int, last_ms: int, days: int) -> Iterator[tuple[int, int]]:
    """Closed spans that touch without overlap."""
    while first_ms <= last_ms:
        end = min(last_ms, first_ms + days * DAY_MS - 1)
        yield first_ms, end
        first_ms = end + 1


class Reading:
    """Collects legs; `ask(name, params)` calls one endpoint."""

    def __init__(self, ask: Callable[[str, dict[str, Any]], Any]) -> None:
        self.legs: Legs = {}
        self._ask = ask

    def _add(self, key: str, code: str, amount: str, at_ms: int, sign: int = 1) -> None:
        assert key not in self.legs
        self.legs[key] = (code, sign * Decimal(amount), at_ms)

    def _pair(self, group: str, gave: tuple[str, str], got: tuple[str, str], at_ms: int) -> None:
        self._add(f"{group}:disposed", *gave, at_ms, -1)
        self._add(f"{group}:received", *got, at_ms)

    def capital(self, span: dict[str, Any]) -> None:
        for row in self._ask("deposits", span | {"limit": 1_000}):
            self._add(f"deposit:{row['id']}", row["coin"], row["amount"], row["insertTime"])
        for row in self._ask("withdrawals", span):
            at = ccxt.Exchange.parse8601(row["applyTime"])
            self._add(f"withdrawal:{row['id']}", row["coin"], row["amount"], at, -1)
            if Decimal(row["transactionFee"]):
                self._add(f"withdrawal:{row['id']}:fee", row["coin"], row["transactionFee"], at, -1)

    def dust(self, span: dict[str, Any]) -> None:
        for sweep in self._ask("dust", span)["userAssetDribblets"]:
            for row in sweep["userAssetDribbletDetails"]:
                group = f"dust:{row['transId']}:{row['fromAsset']}"
                got = (row["targetAsset"], row["transferedAmount"])
                self._pair(group, (row["fromAsset"], row["amount"]), got, row["operateTime"])

    def payments(self, span: dict[str, Any]) -> None:
        asked = {"beginTime": span["startTime"], "endTime": span["endTime"], "rows": 500}
        for kind, names in (("0", ("fiatCurrency", "cryptoCurrency")), ("1", ("cryptoCurrency", "fiatCurrency"))):
            for row in self._ask("payments", asked | {"transactionType": kind})["data"]:
                group = f"buy:{row['orderNo']}"
                gave, got = (row[names[0]], row["sourceAmount"]), (row[names[1]], row["obtainAmount"])
                self._pair(group, gave, got, row["createTime"])
                if row["paymentMethod"] == "Credit Card":
                    self._add(f"{group}:paid", *gave, row["createTime"])

    def converts(self, span: dict[str, Any]) -> None:
        answer = self._ask("converts", span | {"limit": 1_000})
        assert answer["moreData"] is False
        for row in answer["list"]:
            gave, got = (row["fromAsset"], row["fromAmount"]), (row["toAsset"], row["toAmount"])
            self._pair(f"convert:{row['orderId']}", gave, got, row["createTime"])

    def dividends(self, span: dict[str, Any]) -> None:
        for row in self._ask("dividends", span | {"limit": 500})["rows"]:
            self._add(f"reward:{row['id']}", row["asset"], row["amount"], row["divTime"])


def movements_of(ask: Callable[[str, dict[str, Any]], Any], first_ms: int, now_ms: int) -> Legs:
    """All deposits, withdrawals, payments, converts, dividends and dust, in the widest windows that Binance takes."""
    reading = Reading(ask)
    for days, lists in (
        (90, (reading.capital, reading.dust, reading.payments)),
        (30, (reading.converts,)),
        (180, (reading.dividends,)),
    ):
        for start, end in windows(first_ms, now_ms, days):
            for read in lists:
                read({"startTime": start, "endTime": end})
    return reading.legs


def trade_facts(row: dict[str, Any]) -> tuple[Any, ...]:
    """What a fill says, exactly: side, price, amount, cost, fee and its code, milliseconds, order."""
    numbers = (Decimal(row[name]) for name in ("price", "qty", "quoteQty", "commission"))
    return ("buy" if row["isBuyer"] else "sell", *numbers, row["commissionAsset"], row["time"])


def true_trades(account: TruthAccount, code_of: Callable[[str, int], str]) -> dict[str, tuple[Any, ...]]:
    """The same of the truth."""
    return {
        t.trade_key: (
            t.side,
            t.price,
            t.amount,
            t.cost,
            t.fee_amount,
            code_of(t.fee_asset, t.executed_at_us),
            t.executed_at_us // 1_000,
        )
        for t in account.trades
    }


def true_movements(account: TruthAccount, code_of: Callable[[str, int], str]) -> Legs:
    return {
        m.movement_key: (code_of(m.asset, m.occurred_at_us), m.amount, m.occurred_at_us // 1_000)
        for m in account.movements
    }
