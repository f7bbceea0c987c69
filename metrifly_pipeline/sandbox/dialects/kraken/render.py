"""What Kraken shows of an account: trade rows and ledger rows, rendered once, and the balances they come to.

Every trade stands in the ledger twice (base and quote, the fee with the one that it was taken in), and a third time where fee credits
paid for it; its own row states the fee in the quote in any case. Every movement stands there once; its fee is a field of its line.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from metrifly_pipeline.sandbox.dialects.kraken.codes import (
    CREDIT_IN_USD,
    CREDITS,
    NINE_DECIMALS_SINCE_US,
    decimals_of,
    fixed,
    pair_of,
    spot_code,
)
from metrifly_pipeline.sandbox.dialects.kraken.index import Index, Item
from metrifly_pipeline.sandbox.rendered import Snapshot
from metrifly_pipeline.sandbox.truth import EXACT, TruthMovement, TruthTrade

FEE_SUFFIX = ":fee"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 8
_TYPES = {"reward": "staking", "airdrop": "staking", "interest": "staking", "fee": "adjustment"}
_CONVERT_TYPES = {"disposed": "spend", "received": "receive"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the ledger before it is written."""

    ledger_id: str
    refid: str
    time_ns: int
    number: int
    type: str
    subtype: str
    code: str
    amount: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Books:
    """An account as Kraken shows it at one moment."""

    trades: Index
    ledger: Index
    balances: dict[str, Decimal]
    """By Kraken's code, hidden movements included."""


def render(snapshot: Snapshot) -> Books:
    """Render an account; a page is then a slice."""
    lines = [line for trade in snapshot.trades for line in _trade_lines(trade)]
    trade_items = [_trade_item(trade) for trade in snapshot.trades]
    lines += _movement_lines(snapshot.account.shown_movements(snapshot.now_us, with_hidden=True))
    lines.sort(key=lambda line: (line.time_ns, line.number))
    hidden = {m.native_id for m in snapshot.account.movements if m.movement_key in snapshot.account.hidden}
    items, balances = _ledger_items(lines)
    return Books(Index(trade_items), Index([item for item in items if item.identity not in hidden]), balances)


def kraken_id(prefix: str, *parts: object) -> str:
    """An id in Kraken's form (`L` + `XXXXX-XXXXX-XXXXXX`), the same for the same parts."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    text = digest[:16].translate(_LETTERS).decode()
    return f"{prefix}{text[:5]}-{text[5:10]}-{text[10:]}"


def time_ns(moment_us: int) -> int:
    """A record's time as Kraken has it; newer ones carry nanoseconds, the same for the same microsecond."""
    nanoseconds = moment_us // 7 % 1_000 if moment_us >= NINE_DECIMALS_SINCE_US else 0
    return moment_us * 1_000 + nanoseconds


def seconds(moment_ns: int) -> str:
    """Unix seconds as a JSON number without trailing zeros."""
    whole, fraction = divmod(moment_ns, 1_000_000_000)
    return f"{whole}.{fraction:09d}".rstrip("0").rstrip(".")


def _trade_item(trade: TruthTrade) -> Item:
    pair = pair_of(trade.market.base, trade.market.quote, trade.executed_at_us)
    fee = _stated_fee(trade, pair.cost_decimals)
    moment = time_ns(trade.executed_at_us)
    order = kraken_id("O", trade.order_number, trade.market.code)
    base_id, quote_id = _ledger_ids(trade)
    row = (
        f'"{trade.native_id}":{{"ordertxid":"{order}","postxid":"TKH2SE-M7IF5-CFI7LT","pair":"{pair.pair}",'
        f'"aclass":"forex","time":{seconds(moment)},"type":"{trade.side}","ordertype":"limit",'
        f'"price":"{fixed(trade.price, max(5, pair.price_decimals))}",'
        f'"cost":"{fixed(trade.cost, pair.cost_decimals)}","fee":"{fixed(fee, pair.cost_decimals)}",'
        f'"vol":"{fixed(trade.amount, pair.lot_decimals)}","margin":"{fixed(Decimal(0), pair.cost_decimals)}",'
        f'"leverage":"0","misc":"","trade_id":{10_000_000 + trade.number},"maker":true'
    )
    return Item(
        identity=trade.native_id,
        time_ns=moment,
        number=trade.number,
        text=row + "}",
        text_with_ledgers=f'{row},"ledgers":["{base_id}","{quote_id}"]}}',
    )


def _stated_fee(trade: TruthTrade, decimals: int) -> Decimal:
    """TradesHistory tells a fee in the quote, whatever was taken: then it is an estimate."""
    if trade.fee_asset == trade.market.quote:
        return EXACT.add(trade.fee_amount, _rounded_away(trade, decimals))
    worth = CREDIT_IN_USD if trade.fee_asset == CREDITS else trade.price
    return EXACT.multiply(trade.fee_amount, worth).quantize(Decimal(1).scaleb(-decimals))


def _rounded_away(trade: TruthTrade, decimals: int) -> Decimal:
    """A digit that a fill states and the ledger, with one decimal less, rounds away; none where the ledger has as many."""
    in_ledger = decimals_of(spot_code(trade.market.quote, trade.executed_at_us))
    if in_ledger >= decimals or not trade.fee_amount:
        return Decimal(0)
    return Decimal(trade.number % 9 - 4).scaleb(-in_ledger - 1)


def _ledger_ids(trade: TruthTrade) -> tuple[str, str]:
    return kraken_id("L", trade.native_id, "base"), kraken_id("L", trade.native_id, "quote")


def _trade_lines(trade: TruthTrade) -> Iterable[Line]:
    sign = 1 if trade.side == "buy" else -1
    market, none = trade.market, Decimal(0)
    moment = time_ns(trade.executed_at_us)
    sides = [(market.base, sign * trade.amount), (market.quote, -sign * trade.paid)]
    ledger_ids = [*_ledger_ids(trade)]
    if trade.fee_asset not in {market.base, market.quote}:
        # Fee credits are spent in the fee column of a line without an amount.
        sides.append((trade.fee_asset, none))
        ledger_ids.append(kraken_id("L", trade.native_id, "fee"))
    for ledger_id, (asset, amount) in zip(ledger_ids, sides, strict=True):
        yield Line(
            ledger_id=ledger_id,
            refid=trade.native_id,
            time_ns=moment,
            number=trade.number,
            type="trade",
            subtype="",
            code=spot_code(asset, trade.executed_at_us),
            amount=amount,
            fee=trade.fee_amount if trade.fee_asset == asset else none,
        )


def _movement_lines(movements: list[TruthMovement]) -> Iterable[Line]:
    """One line for each ledger id; its fee is the movement with the same id and `:fee`."""
    fees = {m.native_id: -m.amount for m in movements if m.movement_key.endswith(FEE_SUFFIX)}
    for movement in movements:
        if movement.movement_key.endswith(FEE_SUFFIX):
            continue
        yield Line(
            ledger_id=movement.native_id,
            refid=movement.group_key,
            time_ns=time_ns(movement.occurred_at_us),
            number=movement.number,
            type=movement.extra.get("type") or _type_of(movement),
            subtype=movement.extra.get("subtype", ""),
            code=movement.extra.get("code") or spot_code(movement.asset, movement.occurred_at_us),
            amount=movement.amount,
            fee=fees.get(movement.native_id, Decimal(0)),
        )


def _type_of(movement: TruthMovement) -> str:
    if movement.kind == "convert":
        return _CONVERT_TYPES.get(movement.role, "spend")
    return _TYPES.get(movement.kind, movement.kind)


def _ledger_items(lines: list[Line]) -> tuple[list[Item], dict[str, Decimal]]:
    """The lines in order, each with the balance after it; and the balances after all."""
    balances: dict[str, Decimal] = {}
    items = []
    for line in lines:
        change = EXACT.subtract(line.amount, line.fee)
        balances[line.code] = EXACT.add(balances.get(line.code, Decimal(0)), change)
        decimals = decimals_of(line.code)
        text = (
            f'"{line.ledger_id}":{{"aclass":"currency","amount":"{fixed(line.amount, decimals)}","asset":"{line.code}",'
            f'"balance":"{fixed(balances[line.code], decimals)}","fee":"{fixed(line.fee, decimals)}",'
            f'"refid":{json.dumps(line.refid)},"time":{seconds(line.time_ns)},"type":"{line.type}",'
            f'"subtype":"{line.subtype}"}}'
        )
        items.append(
            Item(
                identity=line.ledger_id,
                time_ns=line.time_ns,
                number=line.number,
                text=text,
                code=line.code,
                type=line.type,
            )
        )
    return items, balances
