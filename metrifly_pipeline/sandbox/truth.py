"""The ledger of truth: what really happened in one exchange account, in our own words, before any dialect renders it.

Assets are our codes (`BTC`, `USD`, `SOL`), amounts exact decimals, times whole microseconds since 1970 UTC.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

EXACT = Context(prec=80)
"""Sums of amounts with 18 decimals don't fit the default context's 28 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthMarket:
    """A market in our words. `code` is neutral (`BTC/USD`); each dialect spells it in its own way."""

    base: str
    quote: str
    listed: bool = True
    """False: delisted; it stands in old fills and no longer in the list of markets."""
    known: bool = True
    """False: removed entirely; the exchange can't even be asked for its old fills any more."""

    @property
    def code(self) -> str:
        """`BASE/QUOTE`."""
        return f"{self.base}/{self.quote}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthTrade:
    """One execution. `cost` is what the exchange reports (None where its fills carry none: then amount x price)."""

    number: int
    """Running number in the account, the source of each dialect's id."""
    native_id: str
    """The id on the wire: kraken TX id, binance trade id (unique per symbol only), okx billId."""
    trade_key: str
    """What the product must call it: kraken `<txid>`, binance `spot:<SYMBOL>:<id>:<side>`, okx `<billId>`."""
    market: TruthMarket
    side: str
    price: Decimal
    amount: Decimal
    cost: Decimal
    fee_asset: str
    fee_amount: Decimal
    """Positive = paid, negative = rebate."""
    executed_at_us: int
    order_number: int
    visible_at_us: int
    """The exchange shows it only from then on (late records); normally equal to executed_at_us."""
    booked_cost: Decimal | None = None
    """What the exchange's ledger books where it rounds the cost that the fill states; None where it books the cost itself."""

    @property
    def paid(self) -> Decimal:
        """How much of the quote really changed hands."""
        return self.cost if self.booked_cost is None else self.booked_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthMovement:
    """One asset's change by something that is not an order-book execution; a convert is a group of several."""

    number: int
    native_id: str
    movement_key: str
    """What the product must call it; the dialects' rooms document the form."""
    group_key: str
    kind: str
    """deposit, withdrawal, reward, airdrop, convert, transfer, interest, fee, adjustment."""
    role: str
    """main, disposed, received or fee."""
    asset: str
    amount: Decimal
    """Signed: positive comes in."""
    occurred_at_us: int
    wallet: str = "spot"
    """Where the exchange books it: spot, funding, margin or earn."""
    moved_to: str = ""
    """The wallet it is moved on to (or was taken from) in the same moment, which changes nothing in sum; empty: it stays."""
    visible_at_us: int = 0
    extra: Mapping[str, str] = field(default_factory=dict)
    """What a dialect needs beside: txid, address, network, the stream it is served from."""

    @property
    def changed_wallet(self) -> str:
        """The wallet that holds more or less afterwards."""
        return self.moved_to or self.wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthKey:
    """An API key of the account: its secret parts (made up), what it may do, from which IPs, until when."""

    api_key: str
    secret: str
    passphrase: str
    permissions: frozenset[str]
    """read_trades, read_ledger, read_balances, trade, withdraw, transfer."""
    ip_allowlist: tuple[str, ...] = ()
    expires_at_us: int | None = None
    history_from_us: int | None = None
    """Nothing older is shown to this key (Kraken's query start); None = no such limit."""
    history_to_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthAmendment:
    """The exchange sent a trade with other values until `amended_at_us`; the account holds what is true since."""

    key: str
    """The trade_key it is about."""
    amended_at_us: int
    before: TruthTrade


@dataclass(slots=True, kw_only=True)
class TruthAccount:
    """One exchange account, mutable: tests add, amend, delay and remove.

    Adding to a list is seen by the server at once; replacing something inside a list needs `touch()`.
    """

    exchange: str
    uid: str
    markets: dict[str, TruthMarket]
    trades: list[TruthTrade]
    movements: list[TruthMovement]
    keys: dict[str, TruthKey]
    hidden: set[str] = field(default_factory=set)
    """Movement keys that happened but are not served (to see reconciliation find them)."""
    elsewhere: dict[str, str] = field(default_factory=dict)
    """What lies on products whose records aren't modelled: the exchange's own name of the product and what it is worth in BTC."""
    amendments: list[TruthAmendment] = field(default_factory=list)
    revision: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    """Where ids and numbers go on."""

    def touch(self) -> None:
        """Say that something inside a list was replaced, so that the server renders the account again."""
        self.revision += 1

    def fingerprint(self) -> tuple[int, ...]:
        """Changes whenever what is served may have changed for another reason than time."""
        counts = (len(self.trades), len(self.movements), len(self.hidden), len(self.amendments))
        return (self.revision, *counts)

    def shown_trades(self, now_us: int) -> list[TruthTrade]:
        """What the exchange shows at that moment: no late record yet, and the old values of what is amended later."""
        old = {amendment.key: amendment.before for amendment in self.amendments if now_us < amendment.amended_at_us}
        return [old.get(trade.trade_key, trade) for trade in self.trades if _shown_from(trade) <= now_us]

    def shown_movements(self, now_us: int, *, with_hidden: bool = False) -> list[TruthMovement]:
        """The same for movements, which nobody amends; hidden ones only when asked for."""
        return [
            movement
            for movement in self.movements
            if _shown_from(movement) <= now_us and (with_hidden or movement.movement_key not in self.hidden)
        ]

    def next_change_us(self, now_us: int) -> int | None:
        """When the passing of time alone shows something new, or None when it never does."""
        moments = [amendment.amended_at_us for amendment in self.amendments]
        moments += [_shown_from(trade) for trade in self.trades]
        moments += [_shown_from(movement) for movement in self.movements]
        return min((moment for moment in moments if moment > now_us), default=None)

    def balances(self, now_us: int | None = None) -> dict[str, Decimal]:
        """What the exchange truly holds: every trade's and movement's legs added up, by asset.

        Args:
            now_us: As the exchange shows it at that moment; None means when everything is shown.
        """
        total: dict[str, Decimal] = {}

        def add(asset: str, amount: Decimal) -> None:
            total[asset] = EXACT.add(total.get(asset, Decimal(0)), amount)

        for trade in self.trades if now_us is None else self.shown_trades(now_us):
            sign = 1 if trade.side == "buy" else -1
            add(trade.market.base, sign * trade.amount)
            add(trade.market.quote, -sign * trade.paid)
            add(trade.fee_asset, -trade.fee_amount)
        for movement in self.movements if now_us is None else self.shown_movements(now_us, with_hidden=True):
            add(movement.asset, movement.amount)
        return total


def _shown_from(record: TruthTrade | TruthMovement) -> int:
    happened = record.executed_at_us if isinstance(record, TruthTrade) else record.occurred_at_us
    return max(happened, record.visible_at_us)
