"""An entry by hand may say what a connection imported as well; then both count. What such a record looks like. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from metrifly_pipeline.domain.entries import ANSWERS_LIMITED_HISTORY, Draft, EntryKind, legs_of
from metrifly_pipeline.domain.ids import ConnectionId

MOMENT_WITHIN = timedelta(minutes=1)
"""How far two clocks may be apart for the same thing."""
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a record would say that stands for the same as an entry."""

    number: int
    """Which of the entries that are looked at."""
    asset: str
    amount: Decimal
    """Signed."""
    earliest: datetime
    latest: datetime
    """Both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """An imported record that says the same."""

    number: int
    """Which of the entries that were looked at."""
    connection: ConnectionId
    kind: str
    """buy or sell, or the kind of a movement."""
    record: str
    """Its trade_key or movement_key."""
    occurred_at: datetime


def sought_for(number: int, draft: Draft) -> list[Sought]:
    """What to look for; nothing for an opening balance or an adjustment, which say what no record says.

    A date without a time stands for its whole day in UTC. Of a swap either side may stand in a trade's base.
    """
    if draft.kind in ANSWERS_LIMITED_HISTORY:
        return []
    at = draft.occurred_at
    is_day = at.astimezone(UTC).time() == time()
    earliest, latest = (at, at + _DAY - _TICK) if is_day else (at - MOMENT_WITHIN, at + MOMENT_WITHIN)
    legs = legs_of(draft)
    return [
        Sought(number=number, asset=leg.asset, amount=leg.amount, earliest=earliest, latest=latest)
        for leg in (legs[:2] if draft.kind is EntryKind.SWAP else legs[:1])
    ]
