"""Rows as OKX lists them: sorted once, with the keys that pages are cut by; and how it writes numbers, times and markets."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metrifly_pipeline.sandbox.truth import TruthMarket, TruthMovement

FUNDING_WALLET = "funding"
"""The truth's name for what stays in the funding account."""

Row = dict[str, Any]
Parts = Mapping[str, TruthMovement]
"""One record's movements by role."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows in ascending order, with their ids (0 where OKX pages by time) and times in milliseconds."""

    ids: Sequence[int]
    times_ms: Sequence[int]
    rows: Sequence[bytes]
    data: Sequence[Row]

    def since(self, earliest_ms: int) -> int:
        """Where the rows begin that are kept."""
        return bisect_left(self.times_ms, earliest_ms)

    def until(self, latest_ms: int) -> int:
        """Where the rows end that aren't later."""
        return bisect_right(self.times_ms, latest_ms)


def digits(value: Decimal) -> str:
    """Digits as OKX writes them: a string without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instrument_of(market: TruthMarket) -> str:
    """OKX's id of a market: BTC-USDT."""
    return f"{market.base}-{market.quote}"


def ms(at_us: int) -> str:
    """Milliseconds, as a string."""
    return str(at_us // 1_000)


def word_of(movement: TruthMovement) -> str:
    """The first word of a movement's key: which record it belongs to."""
    return movement.movement_key.partition(":")[0]


def listing(rows: Iterable[Row], id_name: str) -> Listing:
    """Sort rows by time, and by id where they have one."""

    def order(row: Row) -> tuple[int, int]:
        return (int(row["ts"]), int(row[id_name]) if id_name else 0)

    data = sorted(rows, key=order)
    keys = [order(row) for row in data]
    as_json = [json.dumps(row, separators=(",", ":")).encode() for row in data]
    return Listing([key[1] for key in keys], [key[0] for key in keys], as_json, data)
