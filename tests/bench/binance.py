"""Binance's pages: one symbol's myTrades, 1,000 by `fromId`, each from the last id of the one before; all else is empty."""

from collections.abc import Iterable

from tests.bench.trades import AMOUNT_PLACES, COST_PLACES, PRICE_PLACES, Sums, Trade, add, digits
from tests.bench.wire import Answer, Exchange, Params, always, response

PAGE = 1_000
PATH = b"/api/v3/myTrades"
SYMBOL = b"BTCUSDT"
FIRST_ID = 28_457_190
_PLACES = 8
_OTHERS = (("ETH", "USDT"), ("ETH", "BTC"), ("BNB", "USDT"), ("BNB", "BTC"))


def render(trades: Iterable[Trade]) -> Exchange:
    """Render every page once."""
    sums = Sums()
    rows = [_row(trade, sums) for trade in trades]
    pages = {start: response(_listed(rows[start : start + PAGE])) for start in range(0, len(rows), PAGE - 1)}
    empty, no_rows = always(b"[]"), always(b'{"total":0,"rows":[]}')
    return Exchange(
        sums=sums,
        routes={
            PATH: _my_trades(pages, rows),
            b"/api/v3/exchangeInfo": always(_exchange_info()),
            b"/api/v3/account": always(
                b'{"accountType":"SPOT","balances":[{"asset":"BTC","free":"1.00000000","locked":"0.00000000"},'
                b'{"asset":"USDT","free":"100.00000000","locked":"0.00000000"}],"permissions":["SPOT"],"uid":354937868}'
            ),
            b"/sapi/v1/account/apiRestrictions": always(
                b'{"ipRestrict":false,"createTime":1700000000000,"enableReading":true,"enableWithdrawals":false,'
                b'"enableInternalTransfer":false,"enableMargin":false,"enableFutures":false,"permitsUniversalTransfer":false,'
                b'"enableVanillaOptions":false,"enableSpotAndMarginTrading":false,"enablePortfolioMarginTrading":false}'
            ),
            b"/sapi/v1/capital/deposit/hisrec": empty,
            b"/sapi/v1/capital/withdraw/history": empty,
            b"/sapi/v1/convert/tradeFlow": always(
                b'{"list":[],"startTime":0,"endTime":0,"limit":1000,"moreData":false}'
            ),
            b"/sapi/v1/asset/dribblet": always(b'{"total":0,"userAssetDribblets":[]}'),
            b"/sapi/v1/asset/assetDividend": no_rows,
            b"/sapi/v1/fiat/payments": always(
                b'{"code":"000000","message":"success","data":[],"total":0,"success":true}'
            ),
            b"/sapi/v1/asset/get-funding-asset": empty,
            b"/sapi/v1/asset/wallet/balance": empty,
        },
    )


def _my_trades(pages: dict[int, bytes], rows: list[str]) -> Answer:
    empty = response(b"[]")

    def answer(params: Params) -> bytes:
        # One row is asked to see whether the key may.
        if params[b"symbol"] != SYMBOL or params[b"limit"] == b"1":
            return empty
        start = max(int(params[b"fromId"]) - FIRST_ID, 0)
        if start not in pages and start < len(rows):  # where a slice begins inside a page
            pages[start] = response(_listed(rows[start : start + PAGE]))
        return pages.get(start, empty)

    return answer


def _listed(rows: list[str]) -> bytes:
    return f"[{','.join(rows)}]".encode()


def _exchange_info() -> bytes:
    symbols = [
        f'{{"symbol":"{base}{quote}","status":"TRADING","baseAsset":"{base}","quoteAsset":"{quote}"}}'
        for base, quote in (("BTC", "USDT"), *_OTHERS)
    ]
    return (
        f'{{"timezone":"UTC","serverTime":0,"rateLimits":[],"exchangeFilters":[],"symbols":{_text(symbols)}}}'.encode()
    )


def _text(rows: list[str]) -> str:
    return _listed(rows).decode()


def _row(trade: Trade, sums: Sums) -> str:
    cost = digits(trade.cost // 10 ** (COST_PLACES - _PLACES), _PLACES)
    fee = digits(trade.cost // 1_000 // 10 ** (COST_PLACES - _PLACES), _PLACES)
    add(sums, trade, cost, fee)
    return (
        f'{{"symbol":"BTCUSDT","id":{FIRST_ID + trade.number},"orderId":{1_000_000_000 + trade.order},"orderListId":-1,'
        f'"price":"{digits(trade.price, PRICE_PLACES)}000000","qty":"{digits(trade.amount, AMOUNT_PLACES)}",'
        f'"quoteQty":"{cost}","commission":"{fee}","commissionAsset":"USDT","time":{trade.micros // 1_000},'
        f'"isBuyer":{"true" if trade.buys else "false"},"isMaker":false,"isBestMatch":true}}'
    )
