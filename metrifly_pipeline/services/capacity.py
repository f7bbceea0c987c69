"""How much of what exchanges allow is used, and how long it takes to sweep every exchange account again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from metrifly_pipeline.domain.buckets import Bucket, BudgetUse, gate
from metrifly_pipeline.domain.planning import discovered_streams
from metrifly_pipeline.domain.ports import Clock, ControlStore, ExchangeGateway, Lake
from metrifly_pipeline.domain.spec import ExchangeSpec, Limit

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """One limit of one address, or of the key that used most of it."""

    limit: str
    shared_by: str
    sharer: str
    """The address; empty for a limit of a key."""
    allowed: float
    """Units a day."""
    today: float
    """Units taken since midnight UTC."""
    day_before: float
    paused_until: datetime | None

    @property
    def load(self) -> float:
        """The part of a day's units that was taken on the day before, or today already where that is more."""
        return max(self.today, self.day_before) / self.allowed

    @property
    def room(self) -> float:
        """Units a day that are left."""
        return max(self.allowed - max(self.today, self.day_before), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeCapacity:
    """What an exchange allows and what its connections use of it."""

    exchange: str
    connections: int
    """Connected ones."""
    limits: Sequence[LimitUse]
    """Those that were ever asked for, the fullest first."""
    sweep_every: timedelta | None
    """How often all symbols are asked; None where none are discovered."""
    sweep_days: float | None
    """Until every connected exchange account was swept again, with the room that is left: infinite without any; None: nothing is swept."""

    @property
    def keeps_up(self) -> bool:
        """Whether sweeps come round as often as they should."""
        return self.sweep_every is None or self.sweep_days is None or self.sweep_days <= self.sweep_every.days


class Capacity:
    """The verb *tell what room is left*."""

    def __init__(
        self, control: ControlStore, lake: Lake, gateway: ExchangeGateway, clock: Clock, local_scale: float = 1.0
    ) -> None:
        """Read from these; asks no exchange. The limits of a local exchange are `local_scale` times the real ones."""
        self._control = control
        self._lake = lake
        self._gateway = gateway
        self._clock = clock
        self._local_scale = local_scale

    def report(self) -> Sequence[ExchangeCapacity]:
        """Every exchange with a connection, by name."""
        used = self._control.budget_use(self._clock())
        connected: dict[str, int] = {}
        for connection in self._control.connections():
            connected[connection.exchange] = connected.get(connection.exchange, 0) + (
                connection.disconnected_at is None
            )
        rooms = self._gateway.rooms()
        return [
            self._of(self._gateway.spec(name), connected[name], used) for name in sorted(connected) if name in rooms
        ]

    def _of(self, spec: ExchangeSpec, connections: int, used: Sequence[BudgetUse]) -> ExchangeCapacity:
        limits = _limits(spec, used, self._local_scale)
        return ExchangeCapacity(
            exchange=spec.name,
            connections=connections,
            limits=limits,
            sweep_every=spec.sweep_every,
            sweep_days=self._sweep_days(spec, connections, limits),
        )

    def _sweep_days(self, spec: ExchangeSpec, connections: int, limits: Sequence[LimitUse]) -> float | None:
        streams = discovered_streams(spec)
        if not streams or spec.sweep_every is None:
            return None
        weights = {endpoint.method: (endpoint.weight, endpoint.bucket) for endpoint in spec.endpoints}
        symbols = len(self._lake.markets(spec.name))
        days = 0.0
        for stream in streams:
            weight, bucket = weights[stream.endpoint]
            asked = [limit.room for limit in limits if limit.limit == bucket]
            room = sum(asked) if asked else _allowed(spec.limits[bucket])
            days = max(days, connections * symbols * weight / room if room else inf)
        return days


def _limits(spec: ExchangeSpec, used: Sequence[BudgetUse], local_scale: float) -> list[LimitUse]:
    found: dict[tuple[str, str], LimitUse] = {}
    paused = {use.name: use.paused_until for use in used}
    for use in used:
        bucket = Bucket.read(use.name)
        if bucket is None or bucket.exchange != spec.name or bucket.limit not in spec.limits:
            continue
        sharer = bucket.sharer + bucket.place if bucket.shared_by == "ip" else ""
        mine = LimitUse(
            limit=bucket.limit,
            shared_by=bucket.shared_by,
            sharer=sharer,
            allowed=_allowed(spec.limits[bucket.limit]) * (local_scale if bucket.place else 1.0),
            today=use.today,
            day_before=use.day_before,
            paused_until=_later(use.paused_until, paused.get(gate(bucket.exchange, bucket.place, bucket.sharer))),
        )
        place = (bucket.limit, sharer)
        if place not in found or mine.load > found[place].load:
            found[place] = mine
    return sorted(found.values(), key=lambda limit: (-limit.load, limit.limit, limit.sharer))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _allowed(limit: Limit) -> float:
    return limit.per_second * _DAY_SECONDS
