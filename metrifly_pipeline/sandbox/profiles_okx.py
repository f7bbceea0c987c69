"""How a made-up history looks on OKX: markets, bill ids, fees in what comes in or in OKB, deposits that stay in the funding account.

Everything lies within the last 85 days, because OKX shows three months. Keys (see the room's SQL): trades `<billId>`, `deposit:<depId>`,
`withdrawal:<wdId>` and `:fee`, `convert:<tradeId>:disposed` and `:received`, `bill:<billId>` for interest and airdrops. Moves between funding
and trading account change nothing in sum and are no movements; the funding account's side of them is shown for one month only.
"""

import random
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from metrifly_pipeline.sandbox.dialects.okx_listing import FUNDING_WALLET
from metrifly_pipeline.sandbox.profiles import SPOT, Book, ConvertDraft, Entry, MarketPlan, MovementDraft, TradeDraft
from metrifly_pipeline.sandbox.truth import TruthKey, TruthMarket, TruthMovement, TruthTrade

READING = frozenset({"read_trades", "read_ledger", "read_balances"})
FIRST_BILL_ID = 623_950_854_000_000_000
BILLS_PER_EVENT = 1_000
"""One event may have several bills; their ids follow each other."""
FIRST_DEPOSIT_ID = 4_703_000
FIRST_WITHDRAWAL_ID = 67_000_000
FEE_RATE = Decimal("0.001")
REBATE_RATE = Decimal("0.00005")
_DECIMALS = {"ETH": 18, "SOL": 9, "USDT": 6, "PEPE": 6, "OKB": 18, "TON": 9}


def _plan(
    base: str, quote: str, price: str, decimals: tuple[int, int], weight: int = 1, until: float = 1.0
) -> MarketPlan:
    return MarketPlan(
        market=TruthMarket(base=base, quote=quote, listed=until == 1.0),
        start_price=Decimal(price),
        price_decimals=decimals[0],
        amount_decimals=decimals[1],
        cost_decimals=None,
        weight=weight,
        until=until,
    )


PLANS = (
    _plan("BTC", "USDT", "64321.5", (1, 8), weight=6),
    _plan("ETH", "USDT", "2654.98", (2, 6), weight=5),
    _plan("SOL", "USDT", "141.27", (2, 6), weight=3),
    _plan("OKB", "USDT", "47.13", (2, 6), weight=2),
    _plan("PEPE", "USDT", "0.0000071234", (10, 9)),  # the product needs 19 decimals: the cost is rounded
    _plan("FLM", "USDT", "0.0614", (4, 4), weight=2, until=0.4),  # delisted
    _plan("ETH", "BTC", "0.04127", (5, 6)),
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
    word, native_id = group.split(":")
    number = book.next("number")
    kind = "fee" if role == "fee" else extra.pop("kind", word)
    crosses_the_border = word in {"deposit", "withdrawal"}
    return TruthMovement(
        number=number,
        native_id=native_id,
        movement_key=group if role == "main" else f"{group}:{role}",
        group_key=group,
        kind=kind,
        role=role,
        asset=asset,
        amount=amount,
        occurred_at_us=draft.occurred_at_us,
        wallet=FUNDING_WALLET if crosses_the_border else SPOT,
        moved_to=SPOT if crosses_the_border else "",
        extra={"bill_id": str(_bill_id(number)), **extra},
    )


def _bill_id(number: int) -> int:
    return FIRST_BILL_ID + number * BILLS_PER_EVENT


@dataclass(frozen=True, slots=True)
class OkxProfile:
    """OKX's part in a made-up history."""

    exchange: str = "okx"
    cash: str = "USDT"
    plans: tuple[MarketPlan, ...] = PLANS
    span_days: int = 85
    rewarded: tuple[str, ...] = ("ETH", "SOL", "OKB", "USDT")

    def decimals(self, asset: str) -> int:
        """Decimals of an asset's amounts in movements."""
        return _DECIMALS.get(asset, 8)

    def uid(self, rng: random.Random) -> str:
        """Seventeen digits."""
        return str(rng.randint(10**16, 10**17 - 1))

    def key(self, rng: random.Random) -> TruthKey:
        """A key like a UUID, a secret of 32 hexadecimal digits, a passphrase, reading only."""
        text = f"{rng.getrandbits(128):032x}"
        return TruthKey(
            api_key=f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}",
            secret=f"{rng.getrandbits(128):032X}",
            passphrase=f"Pass-{rng.getrandbits(40):010x}!",
            permissions=READING,
        )

    def trade(self, draft: TradeDraft, book: Book) -> Entry:
        """A fill; the fee is taken from what comes in, sometimes from OKB, and some makers are paid."""
        number = book.next("number")
        fee_asset, fee = self._fee(draft, book)
        bill_id = str(_bill_id(number))
        trade = TruthTrade(
            number=number,
            native_id=bill_id,
            trade_key=bill_id,
            market=draft.plan.market,
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
        rate = -REBATE_RATE if pick == 0 else Decimal(0) if pick == 1 else FEE_RATE
        in_okb = Decimal(book.rng.randint(1, 10**9)).scaleb(-12)
        if pick in {3, 6} and market.base != "OKB" and book.held("OKB") > in_okb:
            return "OKB", in_okb
        return came, (value * rate).quantize(Decimal(1).scaleb(-15), rounding=ROUND_DOWN).normalize() + 0

    def deposit(self, draft: MovementDraft, book: Book) -> Entry:
        """A deposit, moved on to the trading account at once."""
        return Entry(movements=(self._arrival(draft, book),))

    def _arrival(self, draft: MovementDraft, book: Book) -> TruthMovement:
        group = f"deposit:{FIRST_DEPOSIT_ID + book.counters['number']}"
        chain = f"{draft.asset}-{'TRC20' if draft.asset == 'USDT' else draft.asset}"
        return _movement(draft, book, group, "main", draft.asset, draft.amount, txid=_hex(book), chain=chain)

    def withdrawal(self, draft: MovementDraft, book: Book) -> Entry:
        """A withdrawal; the fee comes on top."""
        group = f"withdrawal:{FIRST_WITHDRAWAL_ID + book.counters['number']}"
        fee = (draft.amount / 100).quantize(Decimal(1).scaleb(-self.decimals(draft.asset)), rounding=ROUND_DOWN)
        parts = [_movement(draft, book, group, "main", draft.asset, -draft.amount, txid=_hex(book))]
        if fee:
            parts.append(_movement(draft, book, group, "fee", draft.asset, -fee))
        return Entry(movements=tuple(parts))

    def reward(self, draft: MovementDraft, book: Book) -> Entry:
        """Interest of lending, or an airdrop: bills of the trading account."""
        group = f"bill:{_bill_id(book.counters['number'] + 1)}"
        kind, sub_type = ("airdrop", "372") if book.rng.random() < 1 / 4 else ("interest", "381")
        received = _movement(
            draft, book, group, "main", draft.asset, draft.amount, kind=kind, type="33", sub_type=sub_type
        )
        return Entry(movements=(received,))

    def convert(self, draft: ConvertDraft, book: Book) -> Entry:
        """A convert; named by a pair, bought or sold as money or a coin is given."""
        group = f"convert:trader{FIRST_BILL_ID + book.counters['number']}"
        side = "buy" if draft.disposed_asset == self.cash else "sell"
        gave = _movement(draft, book, group, "disposed", draft.disposed_asset, -draft.disposed_amount, side=side)
        got = _movement(draft, book, group, "received", draft.received_asset, draft.received_amount)
        return Entry(movements=(gave, got))

    def by_itself(self, _until_us: int, _book: Book) -> Entry:
        """Nothing happens on OKX by itself."""
        return Entry()

    def oddity(self, occurred_at_us: int, book: Book) -> Entry:
        """A deposit that stays in the funding account."""
        amount = Decimal(book.rng.randint(1, 10**12)).scaleb(-self.decimals("TON"))
        draft = MovementDraft(asset="TON", amount=amount, occurred_at_us=occurred_at_us)
        return Entry(movements=(replace(self._arrival(draft, book), moved_to=""),))


def _hex(book: Book) -> str:
    return f"{book.rng.getrandbits(256):064x}"


PROFILE = OkxProfile()
