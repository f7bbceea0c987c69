"""OKX's pages: fills-history newest first, 100 `after` a bill id; margin, bills and the funding account are empty."""

from collections.abc import Iterable

from tests.bench.trades import AMOUNT_PLACES, COST_PLACES, PRICE_PLACES, Sums, Trade, add, digits
from tests.bench.wire import Answer, Exchange, Params, always, response

PAGE = 100
PATH = b"/api/v5/trade/fills-history"
FIRST_BILL = 623_950_854_000_000_000
_FEE_PLACES = 12
_PAIRS = (("BTC", "USDT"), ("ETH", "USDT"))
_EMPTY = b'{"code":"0","msg":"","data":[]}'
_PATHS = (
    b"account/bills-archive",
    b"asset/deposit-history",
    b"asset/withdrawal-history",
    b"asset/convert/history",
    b"asset/balances",
)


def render(trades: Iterable[Trade]) -> Exchange:
    """Render every page once."""
    sums = Sums()
    rows = [_row(trade, sums) for trade in trades]
    count, newest_ms = len(rows), 0 if not rows else rows[-1][0]
    pages = {
        b"" if end == count else b"%d" % (FIRST_BILL + end): response(
            _page([row for _, row in rows[max(end - PAGE, 0) : end]])
        )
        for end in range(count, 0, -PAGE)
    }
    balance = b'{"code":"0","msg":"","data":[{"details":[{"ccy":"BTC","cashBal":"1","availBal":"1","frozenBal":"0"}],"totalEq":"0"}]}'
    return Exchange(
        sums=sums,
        routes={
            PATH: _fills(pages, newest_ms),
            b"/api/v5/account/config": always(
                b'{"code":"0","msg":"","data":[{"acctLv":"1","ip":"","kycLv":"3","label":"bench","mainUid":"446556","perm":"read_only",'
                b'"posMode":"net_mode","uid":"446556"}]}'
            ),
            b"/api/v5/account/balance": always(balance),
            b"/api/v5/public/instruments": always(_instruments()),
            b"/api/v5/asset/asset-valuation": always(b'{"code":"0","msg":"","data":[{"details":{"earn":"0"}}]}'),
            **{b"/api/v5/" + path: always(_EMPTY) for path in _PATHS},
        },
    )


def _fills(pages: dict[bytes, bytes], newest_ms: int) -> Answer:
    empty = response(_EMPTY)

    def answer(params: Params) -> bytes:
        if (
            params[b"instType"] != b"SPOT"
            or int(params.get(b"begin", b"0")) > newest_ms
            or params.get(b"limit") == b"1"
        ):
            return empty
        return pages.get(params.get(b"after", b""), empty)

    return answer


def _page(rows: list[str]) -> bytes:
    return f'{{"code":"0","msg":"","data":[{",".join(rows[::-1])}]}}'.encode()


def _instruments() -> bytes:
    rows = [
        f'{{"baseCcy":"{base}","instId":"{base}-{quote}","instType":"SPOT","quoteCcy":"{quote}","state":"live"}}'
        for base, quote in _PAIRS
    ]
    return _page(rows)


def _row(trade: Trade, sums: Sums) -> tuple[int, str]:
    base, quote = _PAIRS[trade.order % 4 == 0]
    price, moment = digits(trade.price, PRICE_PLACES), trade.micros // 1_000
    fee = digits(trade.cost // 1_000 * 10 ** (_FEE_PLACES - COST_PLACES), _FEE_PLACES)
    side, kind = ("buy", 1) if trade.buys else ("sell", 2)
    add(sums, trade, digits(trade.cost, COST_PLACES), fee)
    return moment, (
        f'{{"instType":"SPOT","instId":"{base}-{quote}","tradeId":"{10_000_000 + trade.number}",'
        f'"ordId":"{600_000_000_000_000_000 + trade.order}","clOrdId":"","billId":"{FIRST_BILL + trade.number}","subType":"{kind}",'
        f'"tag":"","fillPx":"{price}","fillSz":"{digits(trade.amount, AMOUNT_PLACES)}","fillIdxPx":"{price}","fillPnl":"0",'
        f'"fillPxVol":"","fillPxUsd":"","fillMarkVol":"","fillFwdPx":"","fillMarkPx":"","side":"{side}","posSide":"net",'
        f'"execType":"T","feeCcy":"{quote}","fee":"-{fee}","ts":"{moment}","fillTime":"{moment}","feeRate":"-0.001",'
        f'"tradeQuoteCcy":"{quote}"}}'
    )
