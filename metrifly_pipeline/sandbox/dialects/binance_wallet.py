"""Binance's /sapi: what a key may do, deposits, withdrawals, converts, dividends, dust, fiat payments, all assets held.

Every list is cut out of a window of time; the widest windows and page sizes are Binance's. Source: developers.binance.com (wallet, convert,
fiat).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from metrifly_pipeline.sandbox.dialects.binance_gate import Caller, missing, refusal, whole_number
from metrifly_pipeline.sandbox.dialects.binance_rows import Book, Timeline

DAY_MS = 86_400_000
CAPITAL_DAYS = 90
CONVERT_DAYS = 30
DIVIDEND_DAYS = 180
DUST_RECORDS = 100
DUST_SINCE_MS = 1_606_780_800_000
"""The dust log begins on 2020-12-01 and shows 100 records."""


def restrictions(caller: Caller) -> dict[str, Any]:
    """Answer apiRestrictions. Binance has one switch for all reading; here it says whether the key may read trades."""
    can = caller.key.permissions
    return {
        "ipRestrict": bool(caller.key.ip_allowlist),
        "createTime": 1_700_000_000_000,
        "enableReading": "read_trades" in can,
        "enableWithdrawals": "withdraw" in can,
        "enableInternalTransfer": "transfer" in can,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": "transfer" in can,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": True,
        "enableSpotAndMarginTrading": "trade" in can,
        "enablePortfolioMarginTrading": False,
    }


def worths(caller: Caller) -> list[dict[str, Any]]:
    """Answer asset/wallet/balance: what each wallet is worth in BTC. Prices aren't modelled: Spot, Funding and Earn say 0."""
    names = ("Spot", "Funding", "Cross Margin", "Isolated Margin", "USDⓈ-M Futures", "COIN-M Futures", "Earn")
    return [
        {"activate": True, "balance": caller.account.elsewhere.get(name, "0"), "walletName": name}
        for name in (*names, "Options", "Trading Bots", "Copy Trading")
    ]


def deposits(caller: Caller, book: Book, now_ms: int) -> bytes:
    """Answer capital/deposit/hisrec, newest first."""
    return _listed(_capital(caller, book.deposits, now_ms))


def withdrawals(caller: Caller, book: Book, now_ms: int) -> bytes:
    """Answer capital/withdraw/history, newest first."""
    return _listed(_capital(caller, book.withdrawals, now_ms))


def _listed(rows: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"


def _capital(caller: Caller, timeline: Timeline, now_ms: int) -> list[bytes]:
    params = caller.params
    end = whole_number(params, "endTime", now_ms)
    start = whole_number(params, "startTime", now_ms - CAPITAL_DAYS * DAY_MS)
    if end - start > CAPITAL_DAYS * DAY_MS or end < start:
        raise refusal(400, -4047, "Time interval must be within 0-90 days")
    rows = _with(timeline.between(start, end), coin=params.get("coin"), status=params.get("status"))
    offset, limit = whole_number(params, "offset"), min(whole_number(params, "limit", 1_000), 1_000)
    return rows[::-1][offset : offset + limit]


def _with(rows: Sequence[bytes], **wanted: str | None) -> list[bytes]:
    """The rows whose fields have the wanted values; None wants nothing."""
    asked = {name: value for name, value in wanted.items() if value is not None}
    if not asked:
        return list(rows)
    return [text for text in rows if asked.items() <= {k: str(v) for k, v in json.loads(text).items()}.items()]


def converts(caller: Caller, book: Book) -> bytes:
    """Answer convert/tradeFlow, newest first; `moreData` says that the span holds more than the page."""
    params = caller.params
    for name in ("startTime", "endTime"):
        if name not in params:
            raise missing(name)
    start, end = whole_number(params, "startTime"), whole_number(params, "endTime")
    if end - start > CONVERT_DAYS * DAY_MS:
        raise refusal(400, -1127, "More than 720 hours between startTime and endTime.")
    limit = min(whole_number(params, "limit", 100), 1_000)
    rows = book.converts.between(start, end)[::-1]
    more = b"true" if len(rows) > limit else b"false"
    return b'{"list":%b,"startTime":%d,"endTime":%d,"limit":%d,"moreData":%b}' % (
        _listed(rows[:limit]),
        start,
        end,
        limit,
        more,
    )


def dividends(caller: Caller, book: Book, now_ms: int) -> bytes:
    """Answer asset/assetDividend, newest first; `total` counts the rows of the page."""
    params = caller.params
    end = whole_number(params, "endTime", now_ms)
    start = whole_number(params, "startTime", end - DIVIDEND_DAYS * DAY_MS)
    if end - start > DIVIDEND_DAYS * DAY_MS:
        raise refusal(400, -1127, "More than 4320 hours between startTime and endTime.")
    limit = min(whole_number(params, "limit", 20), 500)
    rows = _with(book.dividends.between(start, end), asset=params.get("asset"))[::-1][:limit]
    return b'{"rows":%b,"total":%d}' % (_listed(rows), len(rows))


def dust(caller: Caller, book: Book, now_ms: int) -> bytes:
    """Answer asset/dribblet: the last 100 sweeps of the span, newest first."""
    start = max(whole_number(caller.params, "startTime", 0), DUST_SINCE_MS)
    end = whole_number(caller.params, "endTime", now_ms)
    rows = book.dust.between(start, end)[::-1][:DUST_RECORDS]
    return b'{"total":%d,"userAssetDribblets":%b}' % (len(rows), _listed(rows))


def payments(caller: Caller, book: Book, now_ms: int) -> bytes:
    """Answer fiat/payments: 0 = coins bought with money, 1 = sold for money; newest first, in pages."""
    params = caller.params
    if params.get("transactionType") not in {"0", "1"}:
        raise missing("transactionType")
    end = whole_number(params, "endTime", now_ms)
    start = whole_number(params, "beginTime", end - 30 * DAY_MS)
    timeline = book.buys if params["transactionType"] == "0" else book.sells
    rows = timeline.between(start, end)[::-1]
    size = min(whole_number(params, "rows", 100), 500)
    first = (max(1, whole_number(params, "page", 1)) - 1) * size
    return _fiat(rows[first : first + size], len(rows))


def fiat_orders(_caller: Caller) -> bytes:
    """Answer fiat/orders: money moved by bank or card. These accounts never did."""
    return _fiat([], 0)


def _fiat(rows: Sequence[bytes], total: int) -> bytes:
    return b'{"code":"000000","message":"success","data":%b,"total":%d,"success":true}' % (_listed(rows), total)


def funding_assets(caller: Caller, book: Book) -> list[Mapping[str, str]]:
    """Answer asset/get-funding-asset: the funding wallet, without zeros."""
    wanted = caller.params.get("asset")
    return [{**row, "btcValuation": "0"} for row in book.funding if wanted in {None, row["asset"]}]


def user_assets(caller: Caller, book: Book) -> list[Mapping[str, str]]:
    """Answer asset/getUserAsset: what is held, without zeros."""
    wanted = caller.params.get("asset")
    return [
        {**row, "freeze": "0", "withdrawing": "0", "ipoable": "0", "btcValuation": "0"}
        for row in book.balances
        if wanted in {None, row["asset"]} and (float(row["free"]) or float(row["locked"]))
    ]
