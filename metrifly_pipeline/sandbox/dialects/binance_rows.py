"""What Binance serves of an account, rendered once: rows in their JSON bytes, sorted, with the keys that pages are cut by.

Only what Binance shows at that moment goes in; a record that has a hidden part (a convert without what it received) is left out
whole, because Binance sends it as one object. Sources: developers.binance.com (spot account endpoints, wallet, convert, fiat).
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from metrifly_pipeline.sandbox.dialects.binance_balances import FUNDING_WALLET, funding_wallet, spot_wallet
from metrifly_pipeline.sandbox.dialects.binance_codes import code_of, fixed, plain, symbol_of
from metrifly_pipeline.sandbox.rendered import Snapshot
from metrifly_pipeline.sandbox.truth import TruthMovement, TruthTrade

FIRST_ORDER_ID = 1_000_000_000
_SATOSHI = Decimal("0.00000001")

Parts = Mapping[str, TruthMovement]
"""One record's movements by role."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows in ascending order of their time in milliseconds."""

    times_ms: Sequence[int]
    rows: Sequence[bytes]

    def between(self, start_ms: int, end_ms: int) -> Sequence[bytes]:
        """The rows of a closed span, oldest first."""
        return self.rows[bisect_left(self.times_ms, start_ms) : bisect_right(self.times_ms, end_ms)]


@dataclass(frozen=True, slots=True)
class Fills:
    """One symbol's fills in ascending order of their id."""

    ids: Sequence[int]
    times_ms: Sequence[int]
    rows: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that Binance serves of one account at one moment."""

    fills: Mapping[str, Fills]
    deposits: Timeline
    withdrawals: Timeline
    converts: Timeline
    dividends: Timeline
    dust: Timeline
    buys: Timeline
    sells: Timeline
    balances: Sequence[Mapping[str, str]]
    funding: Sequence[Mapping[str, str]]
    updated_ms: int


def as_json(row: Mapping[str, Any]) -> bytes:
    """One row as it goes over the wire."""
    return json.dumps(row, separators=(",", ":")).encode()


def render(snapshot: Snapshot) -> Book:
    """Render everything of an account."""
    records = _records(snapshot.movements)
    newest_us = max(
        (*(t.executed_at_us for t in snapshot.trades), *(m.occurred_at_us for m in snapshot.movements)), default=0
    )
    payments = records.get("buy", [])
    sold = [parts for parts in payments if parts["received"].extra.get("side") == "sell"]
    return Book(
        fills=_fills(snapshot.trades),
        deposits=_timeline(records.get("deposit", []), _deposit),
        withdrawals=_timeline(records.get("withdrawal", []), _withdrawal),
        converts=_timeline(records.get("convert", []), _convert),
        dividends=_timeline(records.get("reward", []), _dividend),
        dust=_dust(records.get("dust", [])),
        buys=_timeline([parts for parts in payments if parts not in sold], _payment),
        sells=_timeline(sold, _payment),
        balances=spot_wallet(snapshot),
        funding=funding_wallet(snapshot),
        updated_ms=newest_us // 1_000,
    )


NEEDED = {
    "deposit": {"main"},
    "withdrawal": {"main"},
    "reward": {"main"},
    "convert": {"disposed", "received"},
    "dust": {"disposed", "received"},
    "buy": {"disposed", "received"},
}
"""By the first word of a movement's key: the roles without which there is no record."""


def _records(movements: Iterable[TruthMovement]) -> dict[str, list[Parts]]:
    """Movements that Binance sends as one object, put together; by the first word of their key."""
    groups: dict[str, dict[str, TruthMovement]] = {}
    for movement in movements:
        groups.setdefault(movement.group_key, {})[movement.role] = movement
    found: dict[str, list[Parts]] = {}
    for group in groups.values():
        word = next(iter(group.values())).movement_key.partition(":")[0]
        if NEEDED.get(word, {"unknown"}) <= group.keys():
            found.setdefault(word, []).append(group)
    return found


def _ms(movement: TruthMovement) -> int:
    return movement.occurred_at_us // 1_000


def _timeline(records: Iterable[Parts], row: Callable[[Parts], dict[str, Any]]) -> Timeline:
    rendered = sorted((_ms(_lead(parts)), as_json(row(parts))) for parts in records)
    return Timeline([at for at, _ in rendered], [text for _, text in rendered])


def _lead(parts: Parts) -> TruthMovement:
    return parts.get("main") or parts["disposed"]


def _fills(trades: Iterable[TruthTrade]) -> dict[str, Fills]:
    by_symbol: dict[str, list[tuple[int, int, bytes]]] = {}
    for trade in trades:
        row = _fill(trade)
        by_symbol.setdefault(row["symbol"], []).append((row["id"], row["time"], as_json(row)))
    return {
        symbol: Fills([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
        for symbol, rows in ((symbol, sorted(rows)) for symbol, rows in by_symbol.items())
    }


def _fill(trade: TruthTrade) -> dict[str, Any]:
    return {
        "symbol": symbol_of(trade.market, trade.executed_at_us),
        "id": int(trade.native_id),
        "orderId": FIRST_ORDER_ID + trade.order_number,
        "orderListId": -1,
        "price": fixed(trade.price),
        "qty": fixed(trade.amount),
        "quoteQty": fixed(trade.cost),
        "commission": fixed(trade.fee_amount),
        "commissionAsset": code_of(trade.fee_asset, trade.executed_at_us),
        "time": trade.executed_at_us // 1_000,
        "isBuyer": trade.side == "buy",
        "isMaker": trade.fee_amount < 0 or trade.order_number % 3 == 0,
        "isBestMatch": True,
    }


def _deposit(parts: Parts) -> dict[str, Any]:
    main = parts["main"]
    return {
        "id": main.native_id,
        "amount": plain(main.amount),
        "coin": code_of(main.asset, main.occurred_at_us),
        "network": main.extra.get("network", main.asset),
        "status": 1,
        "address": main.extra.get("address", ""),
        "addressTag": "",
        "txId": main.extra.get("txid", ""),
        "insertTime": _ms(main),
        "completeTime": _ms(main),
        "transferType": 0,
        "confirmTimes": "1/1",
        "unlockConfirm": 1,
        "walletType": int(main.wallet == FUNDING_WALLET),
        "travelRuleStatus": 0,
    }


def _clock(at_us: int) -> str:
    """A withdrawal's times have no zone and whole seconds: 2021-04-15 12:09:16, in UTC."""
    return datetime.fromtimestamp(at_us // 1_000_000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _withdrawal(parts: Parts) -> dict[str, Any]:
    main = parts["main"]
    fee = parts.get("fee")
    return {
        "id": main.native_id,
        "amount": plain(-main.amount),
        "transactionFee": plain(-fee.amount) if fee else "0",
        "coin": code_of(main.asset, main.occurred_at_us),
        "status": 6,
        "address": main.extra.get("address", ""),
        "txId": main.extra.get("txid", ""),
        "applyTime": _clock(main.occurred_at_us),
        "network": main.extra.get("network", main.asset),
        "transferType": 0,
        "info": "",
        "confirmNo": 12,
        "walletType": 0,
        "txKey": "",
        "completeTime": _clock(main.occurred_at_us + 90_000_000),
    }


def _convert(parts: Parts) -> dict[str, Any]:
    gave, got = parts["disposed"], parts["received"]
    return {
        "quoteId": gave.extra.get("quote_id", ""),
        "orderId": int(gave.native_id),
        "orderStatus": "SUCCESS",
        "fromAsset": code_of(gave.asset, gave.occurred_at_us),
        "fromAmount": plain(-gave.amount),
        "toAsset": code_of(got.asset, got.occurred_at_us),
        "toAmount": plain(got.amount),
        "ratio": plain((got.amount / -gave.amount).quantize(_SATOSHI)),
        "inverseRatio": plain((-gave.amount / got.amount).quantize(_SATOSHI)),
        "createTime": _ms(gave),
    }


def _dividend(parts: Parts) -> dict[str, Any]:
    main = parts["main"]
    return {
        "id": int(main.native_id),
        "amount": fixed(main.amount),
        "asset": code_of(main.asset, main.occurred_at_us),
        "divTime": _ms(main),
        "enInfo": main.extra.get("info", "Flexible"),
        "tranId": int(main.extra.get("tran_id", main.native_id)),
        "direction": 1,
    }


def _payment(parts: Parts) -> dict[str, Any]:
    gave, got = parts["disposed"], parts["received"]
    fiat, coin = (got, gave) if got.extra.get("side") == "sell" else (gave, got)
    fee = Decimal(got.extra.get("fee", "0"))
    return {
        "orderNo": gave.native_id,
        "sourceAmount": plain(-gave.amount),
        "fiatCurrency": fiat.asset,
        "obtainAmount": plain(got.amount),
        "cryptoCurrency": coin.asset,
        "totalFee": plain(fee),
        "price": plain(abs(fiat.amount / coin.amount).quantize(_SATOSHI)),
        "status": "Completed",
        "paymentMethod": got.extra.get("method", "Cash Balance"),
        "createTime": _ms(gave),
        "updateTime": _ms(gave),
    }


def _dust(records: Iterable[Parts]) -> Timeline:
    """One dribblet for each moment: Binance lists what was swept together under one transId, asset by asset."""
    sweeps: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for parts in records:
        gave, got = parts["disposed"], parts["received"]
        detail = {
            "transId": int(gave.native_id),
            "serviceChargeAmount": fixed(Decimal(got.extra.get("service_charge", "0"))),
            "amount": fixed(-gave.amount),
            "operateTime": _ms(gave),
            "transferedAmount": fixed(got.amount),
            "fromAsset": code_of(gave.asset, gave.occurred_at_us),
            "targetAsset": got.asset,
        }
        sweeps.setdefault((_ms(gave), gave.native_id), []).append(detail)
    rows = [(at, _dribblet(at, int(trans_id), details)) for (at, trans_id), details in sorted(sweeps.items())]
    return Timeline([at for at, _ in rows], [as_json(row) for _, row in rows])


def _dribblet(at_ms: int, trans_id: int, details: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def total(name: str) -> str:
        return fixed(sum((Decimal(detail[name]) for detail in details), Decimal(0)))

    return {
        "operateTime": at_ms,
        "totalTransferedAmount": total("transferedAmount"),
        "totalServiceChargeAmount": total("serviceChargeAmount"),
        "transId": trans_id,
        "userAssetDribbletDetails": details,
    }
