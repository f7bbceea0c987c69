"""The bills of OKX's two accounts: every change of a balance, with the balance after it.

The trading account's bills say of everything what it changed: fills (type 2), converts (27) and moves to and from the funding account (1)
stand here beside their own lists, interest and airdrops (33) stand here alone. Source: okx.com/docs-v5, bill types and subtypes.
"""

from collections.abc import Iterable
from decimal import Decimal

from metrifly_pipeline.sandbox.dialects.okx_listing import (
    Listing,
    Parts,
    Row,
    digits,
    ms,
    word_of,
)
from metrifly_pipeline.sandbox.dialects.okx_records import fill_row
from metrifly_pipeline.sandbox.truth import TruthMovement, TruthTrade

FUNDING, TRADING = "6", "18"
"""OKX's numbers for its accounts."""
FUNDING_SIDE = 500
"""A move's bill in the funding account has the id of its bill in the trading account and this."""
_NOTHING = Decimal(0)


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
        "ts": ms(at_us),
        **other,
    }


def trade_bills(trade: TruthTrade) -> list[Row]:
    """A fill's bills: what came, what went, and the fee where it is taken from a third currency."""
    sign = 1 if trade.side == "buy" else -1
    changes = {trade.market.base: sign * trade.amount, trade.market.quote: -sign * trade.cost}
    fill = fill_row(trade)
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


def convert_bills(parts: Parts) -> list[Row]:
    """A convert's bills: what went, what came."""
    gave, got = parts["disposed"], parts["received"]
    first = int(gave.extra["bill_id"])
    return [
        _bill(first, gave.occurred_at_us, gave.asset, gave.amount, type="27", subType="319"),
        _bill(first + 1, got.occurred_at_us, got.asset, got.amount, type="27", subType="318"),
    ]


def move_bill(movement: TruthMovement) -> Row:
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


def other_bill(main: TruthMovement) -> Row:
    """Interest or an airdrop."""
    return _bill(
        int(main.native_id),
        main.occurred_at_us,
        main.asset,
        main.amount,
        type=main.extra.get("type", "33"),
        subType=main.extra.get("sub_type", "381"),
        interest=digits(main.amount) if main.kind == "interest" else "0",
    )


def with_balance(bills: Iterable[Row]) -> Listing:
    """Fill in each bill's balance after it."""
    held: dict[str, Decimal] = {}
    ordered = sorted(bills, key=lambda bill: (int(bill["ts"]), int(bill["billId"])))
    for bill in ordered:
        held[bill["ccy"]] = held.get(bill["ccy"], _NOTHING) + Decimal(bill["balChg"])
        bill["bal"] = digits(held[bill["ccy"]])
    return Listing(ordered, "billId")


def funding_bills(movements: Iterable[TruthMovement]) -> Iterable[Row]:
    """The funding account's bills: what arrived and left, and the moves to and from the trading account."""
    held: dict[str, Decimal] = {}
    for movement in movements:
        word = word_of(movement)
        if word not in {"deposit", "withdrawal"}:
            continue
        steps = [("1" if word == "deposit" else "2", movement.amount)]
        if movement.moved_to:
            move = ("131" if movement.amount > 0 else "130", -movement.amount)
            steps = [*steps, move] if movement.amount > 0 else [move, *steps]
        for place, (kind, amount) in enumerate(steps):
            held[movement.asset] = held.get(movement.asset, _NOTHING) + amount
            yield {
                "billId": str(int(movement.extra["bill_id"]) + FUNDING_SIDE + place),
                "ccy": movement.asset,
                "clientId": "",
                "balChg": digits(amount),
                "bal": digits(held[movement.asset]),
                "type": kind,
                "notes": "",
                "ts": ms(movement.occurred_at_us),
            }
