"""Who is in a fleet and what happens to whom, from one seed: the same plan in the process of the exchanges and in that of the product."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from metrifly_pipeline.domain.reasons import Reason

EXCHANGES = ("binance", "kraken", "okx")
START = datetime(2026, 3, 2, tzinfo=UTC)
"""When the simulated time begins; a midnight, because slots are counted from there."""
FOUNDED = START - timedelta(hours=12)
"""Up to when the histories of those that were connected long ago have been imported."""


class Cause(StrEnum):
    """What is injected."""

    REVOKED = "revoked"
    SECRET_CHANGED = "secret_changed"
    TRADING_ON = "trading_on"
    READING_OFF = "reading_off"
    IP_LIST = "ip_list"
    NONCES = "nonces"
    """Somebody else uses the key, with nonces ahead of ours: trouble that mends itself, until it has lasted three days."""
    HIDDEN = "hidden"
    """Something moves that the exchange doesn't show."""


BROKEN_KEYS = (Cause.REVOKED, Cause.SECRET_CHANGED, Cause.TRADING_ON, Cause.READING_OFF, Cause.IP_LIST)
_REASONS = {
    Cause.REVOKED: Reason.KEY_INVALID,
    Cause.SECRET_CHANGED: Reason.SECRET_WRONG,
    Cause.TRADING_ON: Reason.KEY_TOO_POWERFUL,
    Cause.READING_OFF: Reason.PERMISSION_MISSING,
    Cause.IP_LIST: Reason.IP_NOT_ALLOWED,
    Cause.NONCES: Reason.NONCE_CONFLICT,
    Cause.HIDDEN: Reason.BALANCE_MISMATCH,
}
_UNDECIDED = (Cause.REVOKED, Cause.IP_LIST)


def reason_of(exchange: str, cause: Cause) -> Reason:
    """What the product must call it."""
    if exchange == "binance" and cause in _UNDECIDED:
        return Reason.KEY_OR_IP_OR_PERMISSION
    return _REASONS[cause]


@dataclass(frozen=True, slots=True)
class Injected:
    """A cause, and when it begins."""

    cause: Cause
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One exchange account of the fleet."""

    number: int
    exchange: str
    pattern: int
    """Which of the exchange's made-up histories it has."""
    connects_at: datetime | None = None
    """None: it was connected long ago."""
    news: tuple[datetime, ...] = ()
    """When something is traded in it."""
    injected: Injected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A fleet and its days. Numbers of a whole fleet are in proportion to 5,000 connections, and never none."""

    connections: int = 5_000
    days: int = 7
    seed: int = 20_260_302
    patterns: int = 10
    """Different histories per exchange among those that were connected long ago."""
    news_share: float = 0.08
    """Part of the fleet in which something is traded on a day."""
    tick: timedelta = timedelta(minutes=5)
    """How often schedule and sensors are looked after; five minutes is the schedule's own pace."""
    window: timedelta = timedelta(hours=24)
    """Over how much of the day the daily syncs are spread; a whole number of hours."""
    members: tuple[Member, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(_members(self)))

    @property
    def end(self) -> datetime:
        """When the simulated time ends."""
        return START + timedelta(days=self.days)

    @property
    def quiet_from(self) -> datetime:
        """Nothing is traded any more: everybody's turn comes once more before the end."""
        return self.end - timedelta(days=1)

    def part(self, of_five_thousand: int) -> int:
        """So many of this fleet."""
        return max(1, round(of_five_thousand * self.connections / 5_000))


def _members(plan: Plan) -> Iterator[Member]:
    rng = random.Random(plan.seed)
    newcomers = set(rng.sample(range(plan.connections), max(len(EXCHANGES), plan.part(40))))
    injected = _injected(plan, rng, [number for number in range(plan.connections) if number not in newcomers])
    for number in range(plan.connections):
        is_new = number in newcomers
        yield Member(
            number=number,
            exchange=EXCHANGES[number % len(EXCHANGES)],
            pattern=number if is_new else rng.randrange(plan.patterns),
            connects_at=START + timedelta(hours=rng.uniform(1, 24 * plan.days - 25)) if is_new else None,
            news=() if is_new or number in injected else tuple(_news(plan, rng)),
            injected=injected.get(number),
        )


def _injected(plan: Plan, rng: random.Random, candidates: Sequence[int]) -> dict[int, Injected]:
    """Keys break on any day but the last; what takes days to show begins with the first."""
    broken = max(len(BROKEN_KEYS), plan.part(20))
    slow = plan.part(10)
    chosen = rng.sample(candidates, broken)
    found = {
        number: Injected(
            BROKEN_KEYS[place % len(BROKEN_KEYS)], START + timedelta(hours=rng.uniform(0, 24 * plan.days - 26))
        )
        for place, number in enumerate(chosen)
    }
    rest = [number for number in candidates if number not in found]
    krakens = [number for number in rest if EXCHANGES[number % len(EXCHANGES)] == "kraken"]
    for number in rng.sample(krakens, min(slow, len(krakens))):
        found[number] = Injected(Cause.NONCES, START)
    for number in rng.sample([number for number in rest if number not in found], slow):
        found[number] = Injected(Cause.HIDDEN, START)
    return found


def _news(plan: Plan, rng: random.Random) -> Iterator[datetime]:
    for day in range(plan.days - 1):
        if rng.random() < plan.news_share:
            moments = sorted(rng.uniform(0, 24) for _ in range(rng.randint(1, 4)))
            # Whole milliseconds: every exchange can tell them.
            yield from (START + timedelta(days=day, milliseconds=round(hours * 3_600_000)) for hours in moments)
