"""Binance's /api/v3: time, markets, the account, and one symbol's trades. Source: binance-spot-api-docs, rest-api.md."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from metrifly_pipeline.sandbox.dialects.binance_codes import IDLE_MARKETS, symbol_of
from metrifly_pipeline.sandbox.dialects.binance_gate import Caller, missing, refusal, whole_number
from metrifly_pipeline.sandbox.dialects.binance_rows import FIRST_ORDER_ID, Book, Fills
from metrifly_pipeline.sandbox.truth import TruthAccount, TruthMarket
from metrifly_pipeline.sandbox.wire import Request

PAGE, LONGEST_PAGE = 500, 1_000
DAY_MS = 86_400_000
MY_TRADES_PARAMS = frozenset({"symbol", "orderId", "startTime", "endTime", "fromId", "limit"})
_TOGETHER: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in ("", "orderId", "startTime", "endTime", "fromId", "startTime endTime", "orderId fromId")
)
"""The documentation lists which optional parameters of myTrades go together."""
_SYMBOL_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def listed_symbols(accounts: Iterable[TruthAccount], now_us: int) -> dict[str, tuple[TruthMarket, str]]:
    """All symbols with their market and status: a delisted one, or one under an asset's old code, stays as BREAK.

    What was removed entirely is in no list, and asking for it is refused as for a symbol that never was.
    """
    every = [market for account in accounts for market in account.markets.values()]
    removed = {market.code for market in every if not market.known}
    found = {symbol_of(market, now_us): (market, "TRADING") for market in IDLE_MARKETS if market.code not in removed}
    markets = [market for market in every if market.code not in removed]
    for market in markets:
        found[symbol_of(market, now_us)] = (market, "TRADING" if market.listed else "BREAK")
    for market in markets:
        found.setdefault(symbol_of(market, 0), (market, "BREAK"))
    return dict(sorted(found.items()))


def exchange_info(symbols: Mapping[str, tuple[TruthMarket, str]], request: Request) -> dict[str, Any]:
    """Answer exchangeInfo, all of it or the symbols asked for."""
    query = request.query
    asked = json.loads(query["symbols"]) if "symbols" in query else [query["symbol"]] if "symbol" in query else None
    if asked is not None and not symbols.keys() >= set(asked):
        raise refusal(400, -1121, "Invalid symbol.")
    return {
        "timezone": "UTC",
        "serverTime": request.now_ms,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(name, *symbols[name]) for name in symbols if asked is None or name in asked],
    }


def _symbol(name: str, market: TruthMarket, status: str) -> dict[str, Any]:
    quote = next(code for code in _quotes(market) if name.endswith(code))
    return {
        "symbol": name,
        "status": status,
        "baseAsset": name.removesuffix(quote),
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": status == "TRADING",
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.00000001",
                "maxPrice": "1000000.00000000",
                "tickSize": "0.00000001",
            },
            {"filterType": "LOT_SIZE", "minQty": "0.00000001", "maxQty": "9000.00000000", "stepSize": "0.00000001"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "avgPriceMins": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _quotes(market: TruthMarket) -> tuple[str, ...]:
    return (symbol_of(TruthMarket(base="", quote=market.quote), 0), market.quote)


def account(caller: Caller, book: Book) -> dict[str, Any]:
    """Answer account: what may be done, and every balance with its free and locked part."""
    can = caller.key.permissions
    balances = list(book.balances)
    if caller.params.get("omitZeroBalances") == "true":
        balances = [b for b in balances if float(b["free"]) or float(b["locked"])]
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": "trade" in can,
        "canWithdraw": "withdraw" in can,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": book.updated_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": int(caller.account.uid),
    }


def my_trades(caller: Caller, book: Book, symbols: Mapping[str, object]) -> bytes:
    """Answer myTrades: one symbol's fills, always in ascending order of their id."""
    params = caller.params
    symbol = params.get("symbol", "")
    if not symbol:
        raise missing("symbol")
    if not _SYMBOL_CHARACTERS.issuperset(symbol):
        message = "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
        raise refusal(400, -1100, message)
    if symbol not in symbols:
        raise refusal(400, -1121, "Invalid symbol.")
    if params.keys() & (MY_TRADES_PARAMS - {"symbol", "limit"}) not in _TOGETHER:
        raise refusal(400, -1128, "Combination of optional parameters invalid.")
    limit = whole_number(params, "limit", PAGE)
    if limit == 0:
        raise refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
    fills = book.fills.get(symbol, Fills([], [], []))
    return b"[" + b",".join(_page(fills, params, min(limit, LONGEST_PAGE))) + b"]"


def _page(fills: Fills, params: Mapping[str, str], limit: int) -> list[bytes]:
    numbers = {name: whole_number(params, name) for name in params if name in MY_TRADES_PARAMS - {"symbol", "limit"}}
    if "orderId" in numbers:
        first = numbers.get("fromId", 0)
        mark = b'"orderId":%d,' % max(numbers["orderId"], FIRST_ORDER_ID)
        chosen = zip(fills.ids, fills.rows, strict=True)
        return [row for fill_id, row in chosen if fill_id >= first and mark in row][:limit]
    if "fromId" in numbers:
        start = bisect_left(fills.ids, numbers["fromId"])
        return list(fills.rows[start : start + limit])
    if not numbers:
        return list(fills.rows[-limit:])
    return _between(fills, numbers, limit)


def _between(fills: Fills, numbers: Mapping[str, int], limit: int) -> list[bytes]:
    start, end = numbers.get("startTime"), numbers.get("endTime")
    if start is not None and end is not None and end - start > DAY_MS:
        raise refusal(400, -1127, "More than 24 hours between startTime and endTime.")
    times = sorted(fills.times_ms)
    first = 0 if start is None else bisect_left(times, start)
    last = len(times) if end is None else bisect_right(times, end)
    return list(fills.rows[max(first, last - limit) : last] if start is None else fills.rows[first:last][:limit])
