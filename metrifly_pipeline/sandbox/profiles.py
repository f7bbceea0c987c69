"""What differs between exchanges when a history is made up: markets, ids, fees, oddities. One Profile per exchange.

A profile stands in `profiles_<exchange>.py` as `PROFILE`; the generator decides when and how much, the profile
how it is called there and what belongs to it.
"""

import importlib
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, cast

from metrifly_pipeline.sandbox.truth import EXACT, TruthKey, TruthMarket, TruthMovement, TruthTrade

SPOT = "spot"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPlan:
    """How a market is traded in a made-up history."""

    market: TruthMarket
    start_price: Decimal
    price_decimals: int
    amount_decimals: int
    cost_decimals: int | None
    """To how many the exchange rounds a cost; None = it shows none, cost is price x amount exactly."""
    weight: int = 1
    since: float = 0.0
    until: float = 1.0
    """Traded only in this share of the span (a delisted market ends early)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeDraft:
    """One execution before the exchange gave it ids and took its fee."""

    plan: MarketPlan
    side: str
    price: Decimal
    amount: Decimal
    cost: Decimal
    executed_at_us: int
    order_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementDraft:
    """A deposit, withdrawal or reward before the exchange gave it an id; the amount is unsigned."""

    asset: str
    amount: Decimal
    occurred_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertDraft:
    """An app-style buy or a convert; amounts unsigned, all fees apart."""

    disposed_asset: str
    disposed_amount: Decimal
    received_asset: str
    received_amount: Decimal
    occurred_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one event comes to."""

    trades: tuple[TruthTrade, ...] = ()
    movements: tuple[TruthMovement, ...] = ()


@dataclass(slots=True)
class Book:
    """What the account holds while its history is made up, and the counters that ids come from."""

    rng: random.Random
    holdings: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """By (asset, wallet)."""
    counters: Counter[str] = field(default_factory=Counter)

    def held(self, asset: str, wallet: str = SPOT) -> Decimal:
        """How much of an asset there is."""
        return self.holdings.get((asset, wallet), Decimal(0))

    def next(self, counter: str) -> int:
        """Count: 1, 2, 3, ..."""
        self.counters[counter] += 1
        return self.counters[counter]

    def apply(self, entry: Entry) -> None:
        """Book what happened.

        Raises:
            ValueError: Something would become negative; nothing is booked then.
        """
        changed: dict[tuple[str, str], Decimal] = {}
        for asset, wallet, amount in _legs(entry):
            before = changed.get((asset, wallet), self.held(asset, wallet))
            changed[asset, wallet] = EXACT.add(before, amount)
        if short := [place for place, total in changed.items() if total < 0]:
            raise ValueError(f"the history would overdraw {short}")
        self.holdings.update(changed)


def _legs(entry: Entry) -> Iterable[tuple[str, str, Decimal]]:
    for trade in entry.trades:
        sign = 1 if trade.side == "buy" else -1
        yield trade.market.base, SPOT, sign * trade.amount
        yield trade.market.quote, SPOT, -sign * trade.paid
        yield trade.fee_asset, SPOT, -trade.fee_amount
    for movement in entry.movements:
        yield movement.asset, movement.changed_wallet, movement.amount


class Profile(Protocol):
    """One exchange's part in a made-up history. Ids come from the book's counters; else the book is only read."""

    @property
    def exchange(self) -> str:
        """Its name."""

    @property
    def cash(self) -> str:
        """What is deposited and mostly paid with (our asset code)."""

    @property
    def plans(self) -> tuple[MarketPlan, ...]:
        """The markets; at least one has `cash` as its quote over the whole span."""

    @property
    def span_days(self) -> int:
        """How far back the history goes."""

    @property
    def rewarded(self) -> tuple[str, ...]:
        """Assets that rewards are paid in."""

    def decimals(self, asset: str) -> int:
        """Decimals of an asset's amounts in movements."""

    def uid(self, rng: random.Random) -> str:
        """The exchange account's identity, as the exchange tells it."""

    def key(self, rng: random.Random) -> TruthKey:
        """A read-only API key in the exchange's form."""

    def trade(self, draft: TradeDraft, book: Book) -> Entry:
        """The execution with ids and fee, and what comes with it (a fee in credits)."""

    def deposit(self, draft: MovementDraft, book: Book) -> Entry:
        """A deposit."""

    def withdrawal(self, draft: MovementDraft, book: Book) -> Entry:
        """A withdrawal; its fee comes on top, and the generator leaves room for 2%."""

    def reward(self, draft: MovementDraft, book: Book) -> Entry:
        """A reward."""

    def convert(self, draft: ConvertDraft, book: Book) -> Entry:
        """A convert or instant buy: what is disposed, what is received, the fee if there is one (at most 2% more)."""

    def by_itself(self, until_us: int, book: Book, /) -> Entry:
        """What the exchange has done on its own since the last event (a renamed coin is exchanged); mostly nothing."""

    def oddity(self, occurred_at_us: int, book: Book) -> Entry:
        """Something only this exchange has (a transfer between wallets, dust); may be empty."""


def profile_of(exchange: str) -> Profile:
    """The exchange's profile.

    Raises:
        ModuleNotFoundError: There is none.
    """
    module = importlib.import_module(f"metrifly_pipeline.sandbox.profiles_{exchange}")
    return cast("Profile", module.PROFILE)
