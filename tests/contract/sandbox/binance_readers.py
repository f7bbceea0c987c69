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


def movements_of(ask: Callable[[str, dict[str, Any]], Any], first_ms: int, now_ms: int) -> Legs:
    """All deposits, withdrawals, converts, dividends and dust; `ask(name, params)` calls one endpoint."""
    legs: Legs = {}

    def add(key: str, code: str, amount: str, at_ms: int, sign: int = 1) -> None:
        assert key not in legs
        legs[key] = (code, sign * Decimal(amount), at_ms)

    for start, end in windows(first_ms, now_ms, 90):
        span = {"startTime": start, "endTime": end}
        for row in ask("deposits", span | {"limit": 1_000}):
            add(f"deposit:{row['id']}", row["coin"], row["amount"], row["insertTime"])
        for row in ask("withdrawals", span):
            at = ccxt.Exchange.parse8601(row["applyTime"])
            add(f"withdrawal:{row['id']}", row["coin"], row["amount"], at, -1)
            if Decimal(row["transactionFee"]):
                add(f"withdrawal:{row['id']}:fee", row["coin"], row["transactionFee"], at, -1)
        for sweep in ask("dust", span)["userAssetDribblets"]:
            for row in sweep["userAssetDribbletDetails"]:
                group = f"dust:{row['transId']}:{row['fromAsset']}"
                add(f"{group}:disposed", row["fromAsset"], row["amount"], row["operateTime"], -1)
                add(f"{group}:received", row["targetAsset"], row["transferedAmount"], row["operateTime"])
    for start, end in windows(first_ms, now_ms, 30):
        answer = ask("converts", {"startTime": start, "endTime": end, "limit": 1_000})
        assert answer["moreData"] is False
        for row in answer["list"]:
            group = f"convert:{row['orderId']}"
            add(f"{group}:disposed", row["fromAsset"], row["fromAmount"], row["createTime"], -1)
            add(f"{group}:received", row["toAsset"], row["toAmount"], row["createTime"])
    for start, end in windows(first_ms, now_ms, 180):
        for row in ask("dividends", {"startTime": start, "endTime": end, "limit": 500})["rows"]:
            add(f"reward:{row['id']}", row["asset"], row["amount"], row["divTime"])
    return legs


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
