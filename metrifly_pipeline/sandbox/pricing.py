"""Made-up prices, and the one rule by which a cost follows from price and amount."""

import random
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from metrifly_pipeline.sandbox.profiles import MarketPlan
from metrifly_pipeline.sandbox.truth import EXACT

DERIVED_DECIMALS = 18


def cost_of(plan: MarketPlan, price: Decimal, amount: Decimal) -> Decimal:
    """Price x amount, rounded half-even to the exchange's decimals, or to 18 where it shows no cost."""
    decimals = DERIVED_DECIMALS if plan.cost_decimals is None else plan.cost_decimals
    product = EXACT.multiply(price, amount)
    if plan.cost_decimals is None and -int(product.as_tuple().exponent) <= DERIVED_DECIMALS:
        return product
    return product.quantize(unit(decimals), ROUND_HALF_EVEN, EXACT)


def unit(decimals: int) -> Decimal:
    """The smallest step at so many decimals."""
    return Decimal(1).scaleb(-decimals)


def floored(value: Decimal, decimals: int) -> Decimal:
    """Cut to so many decimals."""
    return value.quantize(unit(decimals), ROUND_DOWN, EXACT)


class Walk:
    """One market's price as it wanders; the same generator gives the same prices."""

    def __init__(self, plan: MarketPlan) -> None:
        self._plan = plan
        self._factor = 1.0

    def next(self, rng: random.Random) -> Decimal:
        """The next price, at the market's decimals, between a fifth and five times the first one."""
        self._factor = min(5.0, max(0.2, self._factor * (1 + rng.gauss(0, 0.02))))
        price = EXACT.multiply(self._plan.start_price, Decimal(f"{self._factor:.9f}"))
        return max(floored(price, self._plan.price_decimals), unit(self._plan.price_decimals))
