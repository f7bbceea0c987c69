"""How a made-up history looks on Binance: markets, ids, fees in BNB, dust, deposits to the funding wallet.

Trade ids rise within a symbol and repeat on others. Keys (see the room's SQL): `spot:<SYMBOL>:<id>:<side>`, `deposit:<id>`, `withdrawal:<id>`
and `:fee`, `convert:<orderId>:disposed` and `:received`, `reward:<id>`, `dust:<transId>:<code>:disposed` and `:received`,
`buy:<orderNo>:disposed`, `:received` and, where a card paid, `:paid`. One sweep of dust has one transId for several assets, and what it
credits stands after the service charge: the charge is no change of its own.
"""

import random
import string
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from metrifly_pipeline.sandbox.dialects.binance_codes import code_of, symbol_of
from metrifly_pipeline.sandbox.profiles import Book, ConvertDraft, Entry, MarketPlan, MovementDraft, TradeDraft
from metrifly_pipeline.sandbox.truth import TruthKey, TruthMarket, TruthMovement, TruthTrade

READING = frozenset({"read_trades", "read_ledger", "read_balances"})
SECOND_US = 1_000_000
FIRST_TRADE_ID = 28_457_000
FIRST_DEPOSIT_ID = 769_800_519_000_000_000
FIRST_CONVERT_ID = 940_708_407_000_000_000
FIRST_DIVIDEND_ID = 1_637_000_000
FIRST_DUST_ID = 45_178_000_000
FEE_RATE = Decimal("0.001")
ODDITIES = ("card", "sale", "funding", "dust", "dust", "dust")
_SATOSHI = Decimal("0.00000001")
_DECIMALS = {"ETH": 18, "POL": 18, "USDT": 6, "PEPE": 2, "TRX": 6}


def _plan(
    base: str, quote: str, price: str, decimals: tuple[int, int], weight: int = 1, until: float = 1.0
) -> MarketPlan:
    return MarketPlan(
        market=TruthMarket(base=base, quote=quote, listed=until == 1.0),
        start_price=Decimal(price),
        price_decimals=decimals[0],
        amount_decimals=decimals[1],
        cost_decimals=8,
        weight=weight,
        until=until,
    )


PLANS = (
    _plan("BTC", "USDT", "43250.17", (2, 5), weight=6),
    _plan("ETH", "USDT", "2280.41", (2, 4), weight=5),
    _plan("BNB", "USDT", "312.4", (1, 3), weight=3),
    _plan("SOL", "USDT", "98.71", (2, 3), weight=3),
    _plan("POL", "USDT", "0.8412", (4, 1), weight=2),  # MATICUSDT until its rename
    _plan("LUNC", "USDT", "0.00009213", (8, 2), weight=3),  # LUNAUSDT until its rename
    _plan("PEPE", "USDT", "0.00001234", (8, 2)),  # quoteQty is rounded to eight decimals
    _plan("XMR", "USDT", "163.2", (1, 3), weight=2, until=0.45),  # delisted
    _plan("ETH", "BTC", "0.05213", (5, 4)),
    _plan("BNB", "BTC", "0.006912", (6, 3)),
)


def _movement(
    draft: MovementDraft | ConvertDraft,
    book: Book,
    group: str,
    role: str,
    asset: str,
    amount: Decimal,
    **extra: str,
) -> TruthMovement:
    kind = "fee" if role == "fee" else "convert" if role != "main" else group.partition(":")[0]
    return TruthMovement(
        number=book.next("number"),
        native_id=group.split(":")[1],
        movement_key=group if role == "main" else f"{group}:{role}",
        group_key=group,
        kind=kind,
        role=role,
        asset=asset,
        amount=amount,
        occurred_at_us=draft.occurred_at_us,
        extra=extra,
    )


@dataclass(frozen=True, slots=True)
class BinanceProfile:
    """Binance's part in a made-up history."""

    exchange: str = "binance"
    cash: str = "USDT"
    plans: tuple[MarketPlan, ...] = PLANS
    span_days: int = 5 * 365
    rewarded: tuple[str, ...] = ("BNB", "ETH", "SOL", "POL")

    def decimals(self, asset: str) -> int:
        """Decimals of an asset's amounts in movements."""
        return _DECIMALS.get(asset, 8)

    def uid(self, rng: random.Random) -> str:
        """Nine digits."""
        return str(rng.randint(100_000_000, 999_999_999))

    def key(self, rng: random.Random) -> TruthKey:
        """Key and secret of 64 letters and digits, reading only."""
        letters = string.ascii_letters + string.digits
        api_key, secret = ("".join(rng.choices(letters, k=64)) for _ in range(2))
        return TruthKey(api_key=api_key, secret=secret, passphrase="", permissions=READING)

    def trade(self, draft: TradeDraft, book: Book) -> Entry:
        """A fill; its commission is in BNB, in what came in, nothing, or a rebate."""
        number = book.next("number")
        market = draft.plan.market
        symbol = symbol_of(market, draft.executed_at_us)
        native_id = str(FIRST_TRADE_ID + number - sum(symbol.encode()) % 4)
        fee_asset, fee = self._fee(draft, book)
        trade = TruthTrade(
            number=number,
            native_id=native_id,
            trade_key=f"spot:{symbol}:{native_id}:{draft.side}",
            market=market,
            side=draft.side,
            price=draft.price,
            amount=draft.amount,
            cost=draft.cost,
            fee_asset=fee_asset,
            fee_amount=fee,
            executed_at_us=draft.executed_at_us,
            order_number=draft.order_number,
            visible_at_us=draft.executed_at_us,
        )
        return Entry(trades=(trade,))

    def _fee(self, draft: TradeDraft, book: Book) -> tuple[str, Decimal]:
        market, pick = draft.plan.market, draft.order_number % 10
        came = market.base if draft.side == "buy" else market.quote
        value = draft.amount if draft.side == "buy" else draft.cost
        paid = (value * FEE_RATE).quantize(_SATOSHI, rounding=ROUND_DOWN)
        if pick == 0:
            return came, -paid / 5 if paid else Decimal(0)
        if pick == 1:
            return came, Decimal(0)
        in_bnb = Decimal(book.rng.randint(1_000, 90_000)) * _SATOSHI
        if pick % 2 and market.base != "BNB" and book.held("BNB") > in_bnb:
            return "BNB", in_bnb
        return came, paid

    def deposit(self, draft: MovementDraft, book: Book) -> Entry:
        """A deposit to the spot wallet."""
        return Entry(movements=(self._arrival(draft, book),))

    def _arrival(self, draft: MovementDraft, book: Book) -> TruthMovement:
        group = f"deposit:{FIRST_DEPOSIT_ID + book.next('deposit') * 1_000 + book.rng.randrange(1_000)}"
        return _movement(draft, book, group, "main", draft.asset, draft.amount, txid=_hex(book, 64), network="ETH")

    def withdrawal(self, draft: MovementDraft, book: Book) -> Entry:
        """A withdrawal: Binance tells whole seconds; the fee comes on top."""
        second = MovementDraft(
            asset=draft.asset,
            amount=draft.amount,
            occurred_at_us=draft.occurred_at_us // SECOND_US * SECOND_US,
        )
        group = f"withdrawal:{_hex(book, 32)}"
        fee = (draft.amount / 100).quantize(Decimal(1).scaleb(-self.decimals(draft.asset)), rounding=ROUND_DOWN)
        parts = [_movement(second, book, group, "main", draft.asset, -draft.amount, txid=_hex(book, 64), network="ETH")]
        if fee:
            parts.append(_movement(second, book, group, "fee", draft.asset, -fee))
        return Entry(movements=tuple(parts))

    def reward(self, draft: MovementDraft, book: Book) -> Entry:
        """An asset dividend."""
        group = f"reward:{FIRST_DIVIDEND_ID + book.counters['number']}"
        return Entry(movements=(_movement(draft, book, group, "main", draft.asset, draft.amount, info="Flexible"),))

    def convert(self, draft: ConvertDraft, book: Book) -> Entry:
        """A convert; Binance takes its share in the rate."""
        group = f"convert:{FIRST_CONVERT_ID + book.counters['number']}"
        quote = _hex(book, 32)
        gave = _movement(draft, book, group, "disposed", draft.disposed_asset, -draft.disposed_amount, quote_id=quote)
        got = _movement(draft, book, group, "received", draft.received_asset, draft.received_amount)
        return Entry(movements=(gave, got))

    def by_itself(self, _until_us: int, _book: Book) -> Entry:
        """Nothing happens on Binance by itself."""
        return Entry()

    def oddity(self, occurred_at_us: int, book: Book) -> Entry:
        """A sweep of dust into BNB, a deposit to the funding wallet, coins bought by card or sold for money."""
        oddity = book.rng.choice(ODDITIES)
        if oddity in {"card", "sale"}:
            return self._payment(occurred_at_us, book, by_card=oddity == "card")
        if oddity == "funding":
            amount = Decimal(book.rng.randint(1, 10**9)) / 10**6
            return self._to_funding(MovementDraft(asset="TRX", amount=amount, occurred_at_us=occurred_at_us), book)
        coins = sorted({plan.market.base for plan in self.plans} - {"BNB"})
        held = [coin for coin in coins if book.held(coin) >= Decimal("0.0001")]
        trans_id = FIRST_DUST_ID + book.counters["number"]
        return Entry(movements=tuple(m for coin in held[:3] for m in self._dust(coin, trans_id, occurred_at_us, book)))

    def _payment(self, occurred_at_us: int, book: Book, *, by_card: bool) -> Entry:
        """Bitcoin for euros: bought by card (the euros never stood in the account) or, when there is some, sold."""
        money, fee = Decimal(book.rng.randint(2_000, 30_000)) / 100, Decimal(book.rng.randint(10, 90)) / 100
        coins = Decimal(book.rng.randint(20_000, 400_000)) * _SATOSHI
        group = f"buy:{_hex(book, 32)}"
        sells = not by_card and book.held("BTC") > coins
        given, given_amount, got, got_amount = ("BTC", coins, "EUR", money) if sells else ("EUR", money, "BTC", coins)
        draft = ConvertDraft(
            disposed_asset=given,
            disposed_amount=given_amount,
            received_asset=got,
            received_amount=got_amount,
            occurred_at_us=occurred_at_us,
        )
        said = {
            "side": "sell" if sells else "buy",
            "fee": f"{fee:f}",
            "method": "Cash Balance" if sells else "Credit Card",
        }
        gave = _movement(draft, book, group, "disposed", given, -given_amount)
        came = _movement(draft, book, group, "received", got, got_amount, **said)
        if sells:
            return Entry(movements=(gave, came))
        paid = replace(
            _movement(draft, book, group, "main", "EUR", money), movement_key=f"{group}:paid", kind="deposit"
        )
        return Entry(movements=(paid, gave, came))

    def _to_funding(self, draft: MovementDraft, book: Book) -> Entry:
        return Entry(movements=(replace(self._arrival(draft, book), wallet="funding"),))

    def _dust(self, coin: str, trans_id: int, occurred_at_us: int, book: Book) -> tuple[TruthMovement, TruthMovement]:
        """One asset of a sweep. Two per cent are kept; what is credited is told without them."""
        amount = (book.held(coin) / 1_000).quantize(_SATOSHI, rounding=ROUND_DOWN)
        gross = Decimal(book.rng.randint(5_000, 90_000)) * _SATOSHI
        charge = (gross / 50).quantize(_SATOSHI)
        draft = ConvertDraft(
            disposed_asset=coin,
            disposed_amount=amount,
            received_asset="BNB",
            received_amount=gross - charge,
            occurred_at_us=occurred_at_us,
        )
        group = f"dust:{trans_id}:{code_of(coin, occurred_at_us)}"
        return (
            _movement(draft, book, group, "disposed", coin, -amount),
            _movement(draft, book, group, "received", "BNB", gross - charge, service_charge=f"{charge:f}"),
        )


def _hex(book: Book, length: int) -> str:
    return f"{book.rng.getrandbits(4 * length):0{length}x}"


PROFILE = BinanceProfile()
