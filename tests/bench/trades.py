"""A made-up history in whole numbers, and what it adds up to: the exchange's own sums, against which the result is held."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

DAY_US = 86_400_000_000
FIRST_DAYS_AGO, LAST_DAYS_AGO = 84, 3
"""Inside what OKX keeps; and older than what a continuation reads again, so every page is asked once."""
PRICE_PLACES, AMOUNT_PLACES = 2, 8
COST_PLACES = PRICE_PLACES + AMOUNT_PLACES


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution; prices in hundredths, amounts in units of 10^-8, `cost` their exact product."""

    number: int
    micros: int
    buys: bool
    price: int
    amount: int

    @property
    def cost(self) -> int:
        return self.price * self.amount

    @property
    def order(self) -> int:
        return self.number // 3


@dataclass(slots=True)
class Sums:
    """What the trades come to, as the exchange writes them."""

    trades: int = 0
    buys: int = 0
    micros: int = 0
    amount: Decimal = field(default_factory=Decimal)
    cost: Decimal = field(default_factory=Decimal)
    fee: Decimal = field(default_factory=Decimal)

    def as_texts(self) -> list[str]:
        """Comparable texts, in the order of `product.SUMS`."""
        decimals = [f"{value:.18f}" for value in (self.amount, self.cost, self.fee)]
        return [str(self.trades), str(self.trades), str(self.buys), str(self.micros), *decimals]


def make_up(count: int, seed: int, now_us: int) -> Iterator[Trade]:
    """Yield trades, oldest first, on whole milliseconds."""
    rng = random.Random(seed)
    start_ms, end_ms = ((now_us - days * DAY_US) // 1_000 for days in (FIRST_DAYS_AGO, LAST_DAYS_AGO))
    price = 3_012_743
    for number, moment_ms in enumerate(sorted(rng.randrange(start_ms, end_ms) for _ in range(count))):
        price = max(price + rng.randrange(-999, 1_000), 100_000)
        yield Trade(number, moment_ms * 1_000, rng.random() < 0.5, price, rng.randrange(1_000, 500_000_000))


def digits(value: int, places: int) -> str:
    """A whole number of units of 10^-places as an exchange writes it."""
    unit = 10**places
    return f"{value // unit}.{value % unit:0{places}d}"


def add(sums: Sums, trade: Trade, cost: str, fee: str) -> None:
    """Count one rendered trade in."""
    sums.trades += 1
    sums.buys += trade.buys
    sums.micros += trade.micros
    sums.amount += Decimal(trade.amount).scaleb(-AMOUNT_PLACES)
    sums.cost += Decimal(cost)
    sums.fee += Decimal(fee)


_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 8


def letters(prefix: str, number: int) -> str:
    """An id in Kraken's form, the same for the same number."""
    text = hashlib.sha256(f"{prefix}{number}".encode()).digest()[:16].translate(_LETTERS).decode()
    return f"{prefix}{text[:5]}-{text[5:10]}-{text[10:]}"
