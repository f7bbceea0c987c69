"""What is asked of raw records that landed: the first of a stream, and how many there are."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRaw:
    """The oldest record of a stream, as the exchange sent it."""

    scope: str
    event_at: datetime
    payload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedStream:
    """What landed of one stream of a connection; times as far as they are legible."""

    stream: str
    records: int
    first_at: datetime | None
    last_at: datetime | None
