"""Kraken's part in a made-up history: its ids, fees in quote, base or credits, rebates, staking, a renamed coin."""

import base64
import random
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from metrifly_pipeline.sandbox.dialects.kraken.codes import (
    COIN,
    COINS,
    CREDIT_IN_USD,
    CREDITS,
    NINE_DECIMALS_SINCE_US,
    POL_SINCE_US,
    SPOT,
)
from metrifly_pipeline.sandbox.pricing import floored, unit
from metrifly_pipeline.sandbox.profiles import Book, ConvertDraft, Entry, MarketPlan, MovementDraft, TradeDraft
from metrifly_pipeline.sandbox.truth import TruthKey, TruthMarket, TruthMovement, TruthTrade

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
READ_ONLY = frozenset({"read_trades", "read_ledger", "read_balances"})
TAKER, MAKER = Decimal("0.0026"), Decimal("0.0016")
REBATE = Decimal("-0.0001")
"""Stablecoin pairs pay the maker."""
CREDITS_ONE_IN = 12
"""One order in so many is paid with fee credits while there are some."""
BASE_ONE_IN, BASE_AT = 12, 5
"""One order in so many asks for its fee in the base (order flag fcib); here only buys do."""
STAKED = {"DOT": ("DOT.S", "DOT28.S"), "SOL": ("SOL03.S",), "ADA": ("ADA.S",)}
EARNED = ("ETH", "BTC")
EARN_CODES = {"ETH": "ETH.F", "BTC": "XBT.M"}


def _plan(
    base: str,
    quote: str,
    price: str,
    *,
    weight: int = 4,
    amount_decimals: int = 8,
    cost_decimals: int = 5,
    since: float = 0.0,
    until: float = 1.0,
) -> MarketPlan:
    """A market whose prices have as many decimals as its first one."""
    return MarketPlan(
        market=TruthMarket(base=base, quote=quote, listed=until >= 1),
        start_price=Decimal(price),
        price_decimals=-int(Decimal(price).as_tuple().exponent),
        amount_decimals=amount_decimals,
        cost_decimals=cost_decimals,
        weight=weight,
        since=since,
        until=until,
    )


@dataclass(frozen=True, slots=True)
class KrakenProfile:
    """Kraken (spot)."""

    exchange: str = "kraken"
    cash: str = "USD"
    span_days: int = 1_461
    rewarded: tuple[str, ...] = ("DOT", "SOL", "ADA", "ETH", "BTC")
    plans: tuple[MarketPlan, ...] = (
        _plan("BTC", "USD", "30127.4", weight=8),
        _plan("ETH", "USD", "1861.27", weight=6),
        _plan("SOL", "USD", "41.33"),
        _plan("ADA", "USD", "0.412345"),
        _plan("DOT", "USD", "6.1234"),
        _plan("DOGE", "USD", "0.0812345"),
        _plan("LUNC", "USD", "0.00009123", weight=1),
        _plan("USDT", "USD", "0.9998", weight=2),
        _plan("EUR", "USD", "1.08123", weight=2, amount_decimals=4),
        _plan("BTC", "EUR", "27911.3", weight=2, since=0.1),
        _plan("ETH", "BTC", "0.06543", weight=2, cost_decimals=10, since=0.1),
        _plan("POL", "USD", "0.6712", weight=3),
        _plan("REP", "USD", "11.234", weight=2, until=0.5),
    )

    def decimals(self, asset: str) -> int:
        """Decimals of an asset's amounts in the ledger."""
        return next((coin.decimals for coin in COINS if coin.asset == asset), 10)

    def uid(self, rng: random.Random) -> str:
        """The account's IIBAN, as GetApiKeyInfo tells it: `AA88 N84G WOAK NMOI`."""
        groups = ("".join(rng.choices(ALPHABET, k=4)) for _ in range(3))
        return f"AA{rng.randint(10, 99)} " + " ".join(groups)

    def key(self, rng: random.Random) -> TruthKey:
        """A key that may read trades, ledger and balances."""
        return TruthKey(
            api_key=base64.b64encode(rng.randbytes(42)).decode(),
            secret=base64.b64encode(rng.randbytes(64)).decode(),
            passphrase="",
            permissions=READ_ONLY,
        )

    def trade(self, draft: TradeDraft, book: Book) -> Entry:
        """A fill; its fee is taken in the quote, in the base, or in fee credits. Only the ledger shows in which."""
        txid = _id("T", book.rng)
        fee_asset, fee = self._fee(draft, book)
        trade = TruthTrade(
            number=book.next("number"),
            native_id=txid,
            trade_key=txid,
            market=draft.plan.market,
            side=draft.side,
            price=draft.price,
            amount=draft.amount,
            cost=draft.cost,
            fee_asset=fee_asset,
            fee_amount=fee,
            executed_at_us=_moment(draft),
            order_number=draft.order_number,
            visible_at_us=_moment(draft),
            booked_cost=self._booked(draft.cost, draft.plan.market.quote),
        )
        return Entry(trades=(trade,))

    def _fee(self, draft: TradeDraft, book: Book) -> tuple[str, Decimal]:
        market = draft.plan.market
        rate = REBATE if market.base == "USDT" else (TAKER if draft.order_number % 3 == 0 else MAKER)
        if market.quote == "USD" and draft.order_number % CREDITS_ONE_IN == 0:
            in_credits = floored(draft.cost * rate / CREDIT_IN_USD, 2)
            if 0 < in_credits <= book.held(CREDITS):
                return CREDITS, in_credits
        if draft.side == "buy" and draft.order_number % BASE_ONE_IN == BASE_AT:
            return market.base, floored(draft.amount * rate, draft.plan.amount_decimals)
        return market.quote, self._booked(draft.cost * rate, market.quote)

    def _booked(self, amount: Decimal, asset: str) -> Decimal:
        """What the ledger makes of an amount: it has fewer decimals of money than fills state (4 and 5)."""
        return amount.quantize(unit(self.decimals(asset)), ROUND_HALF_UP)

    def deposit(self, draft: MovementDraft, book: Book) -> Entry:
        """A deposit, free of charge."""
        return Entry(movements=_line(book, draft, "deposit", draft.amount, refid=_refid("Q", book.rng)))

    def withdrawal(self, draft: MovementDraft, book: Book) -> Entry:
        """A withdrawal with its fee."""
        fee = floored(draft.amount / 200, self.decimals(draft.asset))
        return Entry(movements=_line(book, draft, "withdrawal", -draft.amount, fee=fee, refid=_refid("A", book.rng)))

    def reward(self, draft: MovementDraft, book: Book) -> Entry:
        """A staking reward into a staked code, or an earn reward of which Kraken keeps a share."""
        if draft.asset in STAKED:
            code = book.rng.choice(STAKED[draft.asset])
            extra = {"code": code, "type": "staking"}
            return Entry(movements=_line(book, draft, "reward", draft.amount, extra=extra))
        fee = floored(draft.amount / 5, self.decimals(draft.asset))
        extra = {"code": EARN_CODES[draft.asset], "type": "earn", "subtype": "reward"}
        return Entry(movements=_line(book, draft, "reward", draft.amount, fee=fee, extra=extra))

    def convert(self, draft: ConvertDraft, book: Book) -> Entry:
        """An app buy or a convert: a spend and a receive with one refid, the fee on the spend in two of three."""
        refid = _refid("B", book.rng)
        fee = draft.disposed_amount * Decimal("0.015") if book.rng.random() < 2 / 3 else Decimal(0)
        spend = MovementDraft(
            asset=draft.disposed_asset, amount=draft.disposed_amount, occurred_at_us=draft.occurred_at_us
        )
        receive = MovementDraft(
            asset=draft.received_asset, amount=draft.received_amount, occurred_at_us=draft.occurred_at_us
        )
        spent = _line(
            book,
            spend,
            "convert",
            -spend.amount,
            fee=floored(fee, min(2, self.decimals(spend.asset))),
            role="disposed",
            refid=refid,
        )
        received = _line(book, receive, "convert", receive.amount, role="received", refid=refid)
        return Entry(movements=spent + received)

    def by_itself(self, until_us: int, book: Book) -> Entry:
        """MATIC becomes POL: the whole balance is exchanged one to one."""
        if until_us < POL_SINCE_US or book.counters["renamed"]:
            return Entry()
        book.next("renamed")
        held = book.held("POL")
        if held == 0:
            return Entry()
        draft = MovementDraft(asset="POL", amount=held, occurred_at_us=POL_SINCE_US)
        refid = _refid("R", book.rng)
        old = _line(book, draft, "transfer", -held, refid=refid, extra={"code": "MATIC", "type": "transfer"})
        new = _line(book, draft, "transfer", held, refid=refid, extra={"code": "POL", "type": "transfer"})
        return Entry(movements=old + new)

    def oddity(self, occurred_at_us: int, book: Book) -> Entry:
        """Staking, an earn allocation, or a gift of fee credits."""
        if book.counters["oddity"] % 4 == 0:
            book.next("oddity")
            gift = MovementDraft(asset=CREDITS, amount=Decimal(5_000), occurred_at_us=occurred_at_us)
            return Entry(movements=_line(book, gift, "adjustment", gift.amount, refid=_refid("F", book.rng)))
        book.next("oddity")
        held = [(asset, book.held(asset)) for asset in (*STAKED, *EARNED) if book.held(asset) > 1]
        if not held:
            return Entry()
        asset, have = book.rng.choice(held)
        amount = floored(have / 10, self.decimals(asset))
        draft = MovementDraft(asset=asset, amount=amount, occurred_at_us=occurred_at_us)
        if asset in STAKED:
            there, back, refid = "spottostaking", "stakingfromspot", ""
            kind, code = "transfer", STAKED[asset][0]
        else:
            there = back = "allocation"
            refid, kind, code = _refid("E", book.rng), "earn", EARN_CODES[asset]
        out = {"type": kind, "subtype": there}
        into = {"type": kind, "subtype": back, "code": code}
        return Entry(
            movements=_line(book, draft, "transfer", -amount, refid=refid, extra=out)
            + _line(book, draft, "transfer", amount, refid=refid, extra=into)
        )


def _moment(draft: TradeDraft) -> int:
    """Kraken's clock is finer than a millisecond; the fills of one order share the very same moment."""
    step = 1 if draft.executed_at_us >= NINE_DECIMALS_SINCE_US else 100
    return draft.executed_at_us + draft.order_number * 7_919 % (1_000 // step) * step


def _id(prefix: str, rng: random.Random) -> str:
    text = "".join(rng.choices(ALPHABET, k=16))
    return f"{prefix}{text[:5]}-{text[5:10]}-{text[10:]}"


def _refid(prefix: str, rng: random.Random) -> str:
    """A refid of a line that is no trade: seven, six and six characters."""
    text = "".join(rng.choices(ALPHABET, k=18))
    return f"{prefix}{text[:6]}-{text[6:12]}-{text[12:]}"


def _line(
    book: Book,
    draft: MovementDraft,
    kind: str,
    amount: Decimal,
    *,
    refid: str = "",
    fee: Decimal = Decimal(0),
    role: str = "main",
    extra: dict[str, str] | None = None,
) -> tuple[TruthMovement, ...]:
    """The movements of one ledger line: its amount, and its fee if there is one."""
    ledger_id = _id("L", book.rng)
    wallet = COIN[extra["code"]].wallet if extra and "code" in extra else SPOT
    main = TruthMovement(
        number=book.next("number"),
        native_id=ledger_id,
        movement_key=ledger_id,
        group_key=refid or _refid("S", book.rng),
        kind=kind,
        role=role,
        asset=draft.asset,
        amount=amount,
        occurred_at_us=draft.occurred_at_us,
        wallet=wallet,
        visible_at_us=draft.occurred_at_us,
        extra=extra or {},
    )
    if fee == 0:
        return (main,)
    paid = TruthMovement(
        number=book.next("number"),
        native_id=ledger_id,
        movement_key=f"{ledger_id}:fee",
        group_key=main.group_key,
        kind="fee",
        role="fee",
        asset=draft.asset,
        amount=-fee,
        occurred_at_us=draft.occurred_at_us,
        wallet=wallet,
        visible_at_us=draft.occurred_at_us,
        extra=main.extra,
    )
    return (main, paid)


PROFILE = KrakenProfile()
