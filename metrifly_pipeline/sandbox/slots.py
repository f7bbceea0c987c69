"""What happens in a made-up history, and in which proportion: a list of slots, one per moment."""

import math
import random
from dataclasses import dataclass
from enum import StrEnum

BUY_SHARE = 0.5
CONVERTS_PER_BUY = 0.27
"""Converts are more than a fifth of all acquisitions: c / (b + c) >= 0.2 needs c >= b / 4, and a little room."""
BURST_FILLS = 120
BURST_SHARE = 12
"""A burst of BURST_FILLS for every so many times that many trades, and one at the least in a history this long."""


class SlotKind(StrEnum):
    """The kinds of events."""

    BUY = "buy"
    SELL = "sell"
    CONVERT = "convert"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    REWARD = "reward"
    ODDITY = "oddity"


@dataclass(frozen=True, slots=True)
class Slot:
    """One event; an order has several fills, and identical ones share every value but the id."""

    kind: SlotKind
    fills: int = 1
    identical: bool = False


def plan_slots(rng: random.Random, trades: int) -> list[Slot]:
    """Slots with exactly so many fills, in the order in which they happen.

    The first ones are deposits and buys, so that there is something to sell.
    """
    orders = _orders(rng, trades)
    buys = sum(slot.fills for slot in orders if slot.kind is SlotKind.BUY)
    rest = orders + [Slot(SlotKind.CONVERT)] * math.ceil(buys * CONVERTS_PER_BUY)
    for kind, one_per in (
        (SlotKind.DEPOSIT, 50),
        (SlotKind.WITHDRAWAL, 75),
        (SlotKind.REWARD, 25),
        (SlotKind.ODDITY, 60),
    ):
        rest += [Slot(kind)] * max(2, trades // one_per)
    rng.shuffle(rest)
    rest.sort(key=lambda slot: slot.fills >= BURST_FILLS and rng.random() < 1 / 2)
    return [Slot(SlotKind.DEPOSIT), *_started(rest)]


def _orders(rng: random.Random, trades: int) -> list[Slot]:
    orders: list[Slot] = []
    left = trades
    if trades > 2 * BURST_FILLS:
        for _ in range(1 + trades // (BURST_FILLS * BURST_SHARE)):
            orders.append(Slot(SlotKind.BUY if len(orders) % 2 == 0 else SlotKind.SELL, BURST_FILLS))
            left -= BURST_FILLS
    while left > 0:
        fills = min(left, rng.choice((1, 1, 1, 2, 3, 5)))
        kind = SlotKind.BUY if rng.random() < BUY_SHARE else SlotKind.SELL
        orders.append(Slot(kind, fills, identical=fills > 1 and rng.random() < 1 / 3))
        left -= fills
    return orders


def _started(slots: list[Slot]) -> list[Slot]:
    """Move a few small buys to the front."""
    first = [slot for slot in slots if slot.kind is SlotKind.BUY and slot.fills < BURST_FILLS][:6]
    rest = list(slots)
    for slot in first:
        rest.remove(slot)
    return first + rest
