"""Kraken's pages: TradesHistory newest first, 50 by `ofs`, with the total; nothing in the ledger."""

from collections.abc import Iterable

from tests.bench.trades import AMOUNT_PLACES, COST_PLACES, PRICE_PLACES, Sums, Trade, add, digits, letters
from tests.bench.wire import Answer, Exchange, Params, always, response

PAGE = 50
PATH = b"/0/private/TradesHistory"
_PLACES = 5
_KEY = (
    b'{"error":[],"result":{"apiKeyName":"bench","apiKey":"k","nonce":"1","nonceWindow":0,"permissions":["query-funds",'
    b'"query-open-trades","query-closed-trades","query-ledger"],"iban":"AA00 N84G BENC HKEY","validUntil":"0",'
    b'"queryFrom":"0","queryTo":"0","createdTime":"1672531200","modifiedTime":"1672531200","ipAllowlist":[],"lastUsed":"0"}}'
)
_PAIRS = (
    b'{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","status":"online"},'
    b'"XETHZUSD":{"altname":"ETHUSD","wsname":"ETH/USD","base":"XETH","quote":"ZUSD","status":"online"}}}'
)


def render(trades: Iterable[Trade]) -> Exchange:
    """Render every page once."""
    sums = Sums()
    rows = [_row(trade, sums) for trade in trades][::-1]
    newest_us = sums.micros and max(trade_us for trade_us, _ in rows)
    pages = {
        b"%d" % start: response(_page([row for _, row in rows[start : start + PAGE]], len(rows)))
        for start in range(0, max(len(rows), 1), PAGE)
    }
    return Exchange(
        sums=sums,
        routes={
            PATH: _history(pages, newest_us),
            b"/0/private/Ledgers": always(b'{"error":[],"result":{"count":0,"ledger":{}}}'),
            b"/0/private/BalanceEx": always(
                b'{"error":[],"result":{"XXBT":{"balance":"1.0000000000","hold_trade":"0.0000000000"}}}'
            ),
            b"/0/private/GetApiKeyInfo": always(_KEY),
            b"/0/public/AssetPairs": always(_PAIRS),
        },
    )


def _history(pages: dict[bytes, bytes], newest_us: int) -> Answer:
    empty = response(_page([], 0))

    def answer(params: Params) -> bytes:
        if int(params.get(b"start", b"0")) * 1_000_000 > newest_us:
            return empty
        return pages[params.get(b"ofs", b"0")]

    return answer


def _page(rows: list[str], total: int) -> bytes:
    return f'{{"error":[],"result":{{"count":{total},"trades":{{{",".join(rows)}}}}}}}'.encode()


def _row(trade: Trade, sums: Sums) -> tuple[int, str]:
    pair = "XETHZUSD" if trade.order % 4 == 0 else "XXBTZUSD"
    cost = digits(trade.cost // 10 ** (COST_PLACES - _PLACES), _PLACES)
    fee = digits(trade.cost // 400 // 10 ** (COST_PLACES - _PLACES), _PLACES)
    # Nanoseconds, as Kraken sends them: the product cuts them off, so the sums are of microseconds.
    seconds = f"{trade.micros // 1_000_000}.{trade.micros % 1_000_000:06d}{trade.number % 900 + 99:03d}"
    add(sums, trade, cost, fee)
    return trade.micros, (
        f'"{letters("T", trade.number)}":{{"ordertxid":"{letters("O", trade.order)}","postxid":"TKH2SE-M7IF5-CFI7LT",'
        f'"pair":"{pair}","aclass":"forex","time":{seconds},"type":"{"buy" if trade.buys else "sell"}","ordertype":"limit",'
        f'"price":"{digits(trade.price, PRICE_PLACES)}000","cost":"{cost}","fee":"{fee}",'
        f'"vol":"{digits(trade.amount, AMOUNT_PLACES)}","margin":"0.00000","leverage":"0","misc":"",'
        f'"trade_id":{10_000_000 + trade.number},"maker":true}}'
    )
