"""Exact prices and costs where DuckDB's decimals can't prove them: Python integers, rounded half-even at 18 places."""

from collections.abc import Iterable
from decimal import Decimal

import pyarrow as pa

from metrifly_pipeline.lake.tables import AMOUNT, WHOLE

PLACES = 18
_LIMIT = 10**38
"""First unscaled value that DECIMAL(38, 18) can't hold."""

HardRow = tuple[int, Decimal | None, str, bool]
"""Row number, amount where it fits, price in the exchange's digits, whether the cost is derived."""

_SETTLED = pa.schema([pa.field("row_number", WHOLE), pa.field("price", AMOUNT), pa.field("cost", AMOUNT)])


def settle(rows: Iterable[HardRow]) -> pa.Table:
    """Work out price and derived cost of rows that SQL left open; NULL where a value has more than 20 integer digits."""
    numbers, prices, costs = [], [], []
    for number, amount, price_text, derives_cost in rows:
        price = Decimal(price_text)
        numbers.append(number)
        prices.append(fit(price))
        costs.append(product(amount, price) if derives_cost and amount is not None else None)
    return pa.table([numbers, prices, costs], schema=_SETTLED)


def product(left: Decimal, right: Decimal) -> Decimal | None:
    """`left` times `right`, rounded half-even at 18 places; None where that has more than 20 integer digits."""
    left_digits, left_places = _unscaled(left)
    right_digits, right_places = _unscaled(right)
    return _scaled(left_digits * right_digits, left_places + right_places)


def fit(value: Decimal) -> Decimal | None:
    """`value` rounded half-even at 18 places; None where it has more than 20 integer digits."""
    return _scaled(*_unscaled(value))


def _unscaled(value: Decimal) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise TypeError("the number is not finite")
    whole = int("".join(map(str, digits)))
    return (-whole if sign else whole), -exponent


def _scaled(digits: int, places: int) -> Decimal | None:
    rounded = digits * 10 ** (PLACES - places) if places <= PLACES else _half_even(digits, 10 ** (places - PLACES))
    if abs(rounded) >= _LIMIT:
        return None
    return Decimal((0 if rounded >= 0 else 1, tuple(map(int, str(abs(rounded)))), -PLACES))


def _half_even(digits: int, unit: int) -> int:
    quotient, remainder = divmod(digits, unit)
    if remainder * 2 > unit or (remainder * 2 == unit and quotient % 2):
        return quotient + 1
    return quotient
