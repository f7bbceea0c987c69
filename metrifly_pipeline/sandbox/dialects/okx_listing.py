"""Rows as OKX lists them: sorted once, with the keys that pages are cut by; and how it writes numbers, times and markets."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from metrifly_pipeline.sandbox.truth import TruthMarket, TruthMovement

FUNDING_WALLET = "funding"
"""The truth's name for the funding account, where deposits arrive and withdrawals leave."""

Row = dict[str, Any]
Parts = Mapping[str, TruthMovement]
"""One record's movements by role."""


class Listing:
    """Rows in ascending order of time, and of id where they have one; each is written as JSON when it is first asked for."""

    def __init__(self, rows: Iterable[Row] = (), id_name: str = "") -> None:
        """Sort the rows; without `id_name` their ids are 0 and OKX pages them by time."""
        keyed = sorted(
            (int(row["ts"]), int(row[id_name]) if id_name else 0, place, row) for place, row in enumerate(rows)
        )
        self.times_ms = [key[0] for key in keyed]
        self.ids = [key[1] for key in keyed]
        self.rows = [key[3] for key in keyed]
        self._written: list[bytes] = [b""] * len(keyed)

    def __len__(self) -> int:
        return len(self.rows)

    def since(self, earliest_ms: int) -> int:
        """Where the rows begin that are kept."""
        return bisect_left(self.times_ms, earliest_ms)

    def until(self, latest_ms: int) -> int:
        """Where the rows end that aren't later."""
        return bisect_right(self.times_ms, latest_ms)

    def written(self, place: int) -> bytes:
        """One row as it goes over the wire."""
        if not self._written[place]:
            self._written[place] = json.dumps(self.rows[place], separators=(",", ":")).encode()
        return self._written[place]


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
