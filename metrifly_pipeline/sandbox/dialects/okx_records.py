"""One row of each list that OKX serves, except bills. Sources: okx.com/docs-v5, example payloads in ccxt 4.5.90."""

from decimal import Decimal

from metrifly_pipeline.sandbox.dialects.okx_listing import Parts, Row, digits, instrument_of, ms
from metrifly_pipeline.sandbox.truth import TruthMovement, TruthTrade

_SATOSHI = Decimal("0.00000001")


def fill_row(trade: TruthTrade) -> Row:
    """A fill; its fee is negative when paid."""
    at = ms(trade.executed_at_us)
    return {
        "instType": "SPOT",
        "instId": instrument_of(trade.market),
        "tradeId": str(10_000_000 + trade.number),
        "ordId": str(600_000_000_000_000_000 + trade.order_number),
        "clOrdId": "",
        "billId": trade.native_id,
        "subType": "1" if trade.side == "buy" else "2",
        "tag": "",
        "fillPx": digits(trade.price),
        "fillSz": digits(trade.amount),
        "fillIdxPx": digits(trade.price),
        "fillPnl": "0",
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": "",
        "side": trade.side,
        "posSide": "net",
        "execType": "M" if trade.fee_amount < 0 else "T",
        "feeCcy": trade.fee_asset,
        "fee": digits(-trade.fee_amount),
        "ts": at,
        "fillTime": at,
        "feeRate": "-0.001",
        "tradeQuoteCcy": trade.market.quote,
    }


def deposit_row(main: TruthMovement) -> Row:
    """A deposit to the funding account."""
    return {
        "actualDepBlkConfirm": "12",
        "amt": digits(main.amount),
        "areaCodeFrom": "",
        "ccy": main.asset,
        "chain": main.extra.get("chain", f"{main.asset}-{main.asset}"),
        "depId": main.native_id,
        "from": "",
        "fromWdId": "",
        "state": "2",
        "to": main.extra.get("address", ""),
        "ts": ms(main.occurred_at_us),
        "txId": main.extra.get("txid", ""),
    }


def withdrawal_row(parts: Parts) -> Row:
    """A withdrawal; the amount is what arrives elsewhere, the fee comes on top."""
    main, fee = parts["main"], parts.get("fee")
    return {
        "note": "",
        "chain": main.extra.get("chain", f"{main.asset}-{main.asset}"),
        "fee": digits(-fee.amount) if fee else "0",
        "feeCcy": fee.asset if fee else main.asset,
        "ccy": main.asset,
        "clientId": "",
        "toAddrType": "1",
        "amt": digits(-main.amount),
        "txId": main.extra.get("txid", ""),
        "from": "",
        "areaCodeFrom": "",
        "to": main.extra.get("address", ""),
        "areaCodeTo": "",
        "state": "2",
        "ts": ms(main.occurred_at_us),
        "nonTradableAsset": False,
        "wdId": main.native_id,
    }


def convert_row(parts: Parts) -> Row:
    """OKX names a convert by a pair; whether its base came or went says the side."""
    gave, got = parts["disposed"], parts["received"]
    buys = gave.extra.get("side", "buy") == "buy"
    base, quote = (got, gave) if buys else (gave, got)
    return {
        "clTReqId": "",
        "instId": f"{base.asset}-{quote.asset}",
        "side": "buy" if buys else "sell",
        "fillPx": digits(abs(quote.amount / base.amount).quantize(_SATOSHI)),
        "baseCcy": base.asset,
        "quoteCcy": quote.asset,
        "fillBaseSz": digits(abs(base.amount)),
        "state": "fullyFilled",
        "tradeId": gave.native_id,
        "fillQuoteSz": digits(abs(quote.amount)),
        "ts": ms(gave.occurred_at_us),
    }
