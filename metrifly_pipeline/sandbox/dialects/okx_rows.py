"""What OKX serves of an account, rendered once: rows in their JSON bytes, sorted, with the keys that pages are cut by.

Deposits arrive in the funding account and withdrawals leave from it; what a person trades with is moved to the trading account and back.
Here the move happens in the same moment, and its bill stands in the trading account's bills (type 1) beside those of trades (2), converts
(27) and interest or airdrops (33). Trades, converts and moves stand in the bills *too*: who counts them from there counts them twice.
Sources: okx.com/docs-v5 (bill types and subtypes, fills, funding), example payloads in ccxt 4.5.90.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from metrifly_pipeline.sandbox.rendered import Snapshot
from metrifly_pipeline.sandbox.truth import TruthMarket, TruthMovement, TruthTrade

LOCKED = "USDT"
"""The asset of which a tenth is locked in open orders."""
FUNDING_WALLET = "funding"
FUNDING, TRADING = "6", "18"
"""OKX's numbers for its accounts."""
_SATOSHI = Decimal("0.00000001")
_NOTHING = Decimal(0)

Row = dict[str, Any]
Parts = Mapping[str, TruthMovement]


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows in ascending order, with their ids (0 where OKX pages by time) and times in milliseconds."""

    ids: Sequence[int]
    times_ms: Sequence[int]
    rows: Sequence[bytes]
    data: Sequence[Row]

    def since(self, earliest_ms: int) -> int:
        """Where the rows begin that are kept."""
        return bisect_left(self.times_ms, earliest_ms)

    def until(self, latest_ms: int) -> int:
        """Where the rows end that aren't later."""
        return bisect_right(self.times_ms, latest_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that OKX serves of one account at one moment."""

    fills: Listing
    bills: Listing
    deposits: Listing
    withdrawals: Listing
    converts: Listing
    funding_bills: Listing
    trading_balances: Sequence[Mapping[str, str]]
    funding_balances: Sequence[Mapping[str, str]]


def digits(value: Decimal) -> str:
    """Digits as OKX writes them: a string without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instrument_of(market: TruthMarket) -> str:
    """OKX's id of a market: BTC-USDT."""
    return f"{market.base}-{market.quote}"


def render(snapshot: Snapshot) -> Book:
    """Render everything of an account."""
    groups = _groups(snapshot.movements)
    moved = [m for m in snapshot.movements if m.wallet != FUNDING_WALLET and _word(m) in {"deposit", "withdrawal"}]
    bills = [bill for trade in snapshot.trades for bill in _trade_bills(trade)]
    bills += [bill for parts in groups["convert"] for bill in _convert_bills(parts)]
    bills += [_move_bill(movement) for movement in moved]
    bills += [_other_bill(parts["main"]) for parts in groups["bill"]]
    funding = [_funding_balance(asset, total) for asset, total in sorted(_funding(snapshot).items()) if total]
    newest_us = max(
        (*(t.executed_at_us for t in snapshot.trades), *(m.occurred_at_us for m in snapshot.movements)), default=0
    )
    return Book(
        fills=_listing((_fill(trade) for trade in snapshot.trades), "billId"),
        bills=_with_balance(bills),
        deposits=_listing((_deposit(parts["main"]) for parts in groups["deposit"]), ""),
        withdrawals=_listing((_withdrawal(parts) for parts in groups["withdrawal"]), ""),
        converts=_listing((_convert(parts) for parts in groups["convert"]), ""),
        funding_bills=_listing(_funding_bills(snapshot.movements), "billId"),
        trading_balances=_trading_balances(snapshot, newest_us),
        funding_balances=funding,
    )


NEEDED = {"deposit": {"main"}, "withdrawal": {"main"}, "bill": {"main"}, "convert": {"disposed", "received"}}
"""By the first word of a movement's key: the roles without which there is no record."""


def _word(movement: TruthMovement) -> str:
    return movement.movement_key.partition(":")[0]


def _groups(movements: Iterable[TruthMovement]) -> dict[str, list[Parts]]:
    """Movements that OKX sends as one object, put together; by the first word of their key."""
    groups: dict[str, dict[str, TruthMovement]] = {}
    for movement in movements:
        groups.setdefault(movement.group_key, {})[movement.role] = movement
    found: dict[str, list[Parts]] = {word: [] for word in NEEDED}
    for group in groups.values():
        word = _word(next(iter(group.values())))
        if NEEDED.get(word, {"unknown"}) <= group.keys():
            found[word].append(group)
    return found


def _ms(at_us: int) -> str:
    return str(at_us // 1_000)


def _listing(rows: Iterable[Row], id_name: str) -> Listing:
    def order(row: Row) -> tuple[int, int]:
        return (int(row["ts"]), int(row[id_name]) if id_name else 0)

    data = sorted(rows, key=order)
    keys = [order(row) for row in data]
    as_json = [json.dumps(row, separators=(",", ":")).encode() for row in data]
    return Listing([key[1] for key in keys], [key[0] for key in keys], as_json, data)


def _fill(trade: TruthTrade) -> Row:
    at = _ms(trade.executed_at_us)
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


def _bill(bill_id: int, at_us: int, ccy: str, change: Decimal, **other: str) -> Row:
    """One line of the trading account's bills; the balance after it is filled in later."""
    empty = ("from", "to", "notes", "instId", "ordId", "execType", "tradeId", "clOrdId", "px", "mgnMode", "fillTime")
    return {
        **dict.fromkeys(
            (*empty, "tag", "fillIdxPx", "fillMarkPx", "fillPxVol", "fillPxUsd", "fillMarkVol", "fillFwdPx"), ""
        ),
        "billId": str(bill_id),
        "ccy": ccy,
        "balChg": digits(change),
        "bal": "",
        "sz": digits(abs(change)),
        "fee": "0",
        "pnl": "0",
        "interest": "0",
        "posBal": "0",
        "posBalChg": "0",
        "instType": "",
        "earnAmt": "",
        "earnApr": "",
        "ts": _ms(at_us),
        **other,
    }


def _trade_bills(trade: TruthTrade) -> list[Row]:
    """A fill's bills: what came, what went, and the fee where it is taken from a third currency."""
    sign = 1 if trade.side == "buy" else -1
    changes = {trade.market.base: sign * trade.amount, trade.market.quote: -sign * trade.cost}
    fill = _fill(trade)
    same = {
        name: fill[name]
        for name in ("instType", "instId", "ordId", "tradeId", "execType", "subType", "fillTime", "fillIdxPx")
    } | {"type": "2", "px": fill["fillPx"], "mgnMode": "cash"}
    sizes = dict(changes)
    changes[trade.fee_asset] = changes.get(trade.fee_asset, _NOTHING) - trade.fee_amount
    return [
        _bill(
            int(trade.native_id) + place,
            trade.executed_at_us,
            ccy,
            change,
            **same,
            sz=digits(abs(sizes.get(ccy, _NOTHING))),
            fee=digits(-trade.fee_amount) if ccy == trade.fee_asset else "0",
        )
        for place, (ccy, change) in enumerate(changes.items())
    ]


def _convert_bills(parts: Parts) -> list[Row]:
    gave, got = parts["disposed"], parts["received"]
    first = int(gave.extra["bill_id"])
    return [
        _bill(first, gave.occurred_at_us, gave.asset, gave.amount, type="27", subType="319"),
        _bill(first + 1, got.occurred_at_us, got.asset, got.amount, type="27", subType="318"),
    ]


def _move_bill(movement: TruthMovement) -> Row:
    """The move between funding and trading account that goes with a deposit or a withdrawal (or its fee)."""
    arrives = movement.amount > 0
    return _bill(
        int(movement.extra["bill_id"]),
        movement.occurred_at_us,
        movement.asset,
        movement.amount,
        **{"from": FUNDING if arrives else TRADING, "to": TRADING if arrives else FUNDING},
        type="1",
        subType="11" if arrives else "12",
        notes="From Funding Account" if arrives else "To Funding Account",
    )


def _other_bill(main: TruthMovement) -> Row:
    return _bill(
        int(main.native_id),
        main.occurred_at_us,
        main.asset,
        main.amount,
        type=main.extra.get("type", "33"),
        subType=main.extra.get("sub_type", "381"),
        interest=digits(main.amount) if main.kind == "interest" else "0",
    )


def _with_balance(bills: Iterable[Row]) -> Listing:
    """Fill in each bill's balance after it."""
    held: dict[str, Decimal] = {}
    ordered = sorted(bills, key=lambda bill: (int(bill["ts"]), int(bill["billId"])))
    for bill in ordered:
        held[bill["ccy"]] = held.get(bill["ccy"], _NOTHING) + Decimal(bill["balChg"])
        bill["bal"] = digits(held[bill["ccy"]])
    return _listing(ordered, "billId")


def _deposit(main: TruthMovement) -> Row:
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
        "ts": _ms(main.occurred_at_us),
        "txId": main.extra.get("txid", ""),
    }


def _withdrawal(parts: Parts) -> Row:
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
        "ts": _ms(main.occurred_at_us),
        "nonTradableAsset": False,
        "wdId": main.native_id,
    }


def _convert(parts: Parts) -> Row:
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
        "ts": _ms(gave.occurred_at_us),
    }


def _funding_bills(movements: Iterable[TruthMovement]) -> Iterable[Row]:
    """The funding account's bills: what arrived and left, and the moves to and from the trading account."""
    held: dict[str, Decimal] = {}

    for movement in movements:
        word = _word(movement)
        if word not in {"deposit", "withdrawal"}:
            continue
        steps = [("1" if word == "deposit" else "2", movement.amount)]
        if movement.wallet != FUNDING_WALLET:
            move = ("131" if movement.amount > 0 else "130", -movement.amount)
            steps = [*steps, move] if movement.amount > 0 else [move, *steps]
        for place, (kind, amount) in enumerate(steps):
            held[movement.asset] = held.get(movement.asset, _NOTHING) + amount
            yield {
                "billId": str(int(movement.extra["bill_id"]) + 500 + place),
                "ccy": movement.asset,
                "clientId": "",
                "balChg": digits(amount),
                "bal": digits(held[movement.asset]),
                "type": kind,
                "notes": "",
                "ts": _ms(movement.occurred_at_us),
            }


def _funding(snapshot: Snapshot) -> dict[str, Decimal]:
    """What lies in the funding account, hidden movements included: they happened."""
    held: dict[str, Decimal] = {}
    for movement in snapshot.account.shown_movements(snapshot.now_us, with_hidden=True):
        if movement.wallet == FUNDING_WALLET:
            held[movement.asset] = held.get(movement.asset, _NOTHING) + movement.amount
    return held


def _funding_balance(asset: str, total: Decimal) -> dict[str, str]:
    frozen = (total / 10).quantize(_SATOSHI, rounding=ROUND_DOWN)
    return {"availBal": digits(total - frozen), "bal": digits(total), "ccy": asset, "frozenBal": digits(frozen)}


def _trading_balances(snapshot: Snapshot, updated_us: int) -> list[dict[str, str]]:
    funding = _funding(snapshot)
    totals = {asset: total - funding.get(asset, _NOTHING) for asset, total in sorted(snapshot.balances.items())}
    return [_trading_balance(asset, total, updated_us) for asset, total in totals.items() if total]


def _trading_balance(asset: str, total: Decimal, updated_us: int) -> dict[str, str]:
    frozen = (total / 10).quantize(_SATOSHI, rounding=ROUND_DOWN) if asset == LOCKED else _NOTHING
    names = ("crossLiab", "interest", "isoLiab", "liab", "maxLoan", "mgnRatio", "notionalLever", "upl", "uplLiab")
    return {
        **dict.fromkeys(names, ""),
        "ccy": asset,
        "cashBal": digits(total),
        "eq": digits(total),
        "availBal": digits(total - frozen),
        "availEq": digits(total - frozen),
        "frozenBal": digits(frozen),
        "ordFrozen": digits(frozen),
        "disEq": "0",
        "eqUsd": "0",
        "isoEq": "0",
        "spotIsoBal": "0",
        "stgyEq": "0",
        "twap": "0",
        "uTime": _ms(updated_us),
    }
