"""Budgets: leaky buckets that all processes share."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, exists, func, not_, or_, select, update

from metrifly_pipeline.control.tables import budgets
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.control.upserts import insert_new
from metrifly_pipeline.domain.buckets import Bucket, BudgetUse
from metrifly_pipeline.domain.spec import Limit

_TINY = 1e-9
"""Units lost to rounding; without it a wait of exactly the seconds we named could be too short by a hair."""
_MICROSECONDS = 1_000_000
_SKEW = timedelta(minutes=1)
"""What two processes' clocks may differ by; more is a clock that was set back."""


class Budgets(Transactions):
    """The store's methods for budgets."""

    def __init__(self, *given: Any) -> None:
        """Know no bucket yet."""
        super().__init__(*given)
        self._left: dict[str, Mapping[str, Any]] = {}
        self._turns: dict[str, threading.Lock] = {}

    def take_budget(
        self, bucket: str, limit: Limit, weight: int, now: datetime, *, share: float = 1.0, gate: str = ""
    ) -> float:
        """Take `weight` units; returns 0.0 when taken, else the seconds (rounded up to a microsecond) to wait before asking again.

        Only the part `share` of the capacity is filled; a weight above it is taken when the bucket is empty.
        """
        # Threads of one process would disturb each other, and each ask twice.
        with self._turns.setdefault(bucket, threading.Lock()):
            return self._take(bucket, limit, weight, now, share=share, gate=gate)

    def _take(self, bucket: str, limit: Limit, weight: int, now: datetime, *, share: float, gate: str) -> float:
        left = self._left.get(bucket) or self._look(bucket)
        if left is not None:
            asking = _Asking.of(left, limit, weight, now, share)
            if asking.wait and not _was_set_back(left["updated_at"], now):
                # Whoever took since has only made it longer, and who waits asks again.
                return asking.wait
            if not asking.wait and self._takes_undisturbed(bucket, gate, now, left, asking):
                return 0.0
        with self._writing() as db:
            row = _locked(db, bucket, gate)
            pauses = [until for until in (row["paused_until"], row["gate_until"]) if until is not None and until > now]
            if pauses:
                return _rounded_up((max(pauses) - now).total_seconds())
            asking = _Asking.of(row, limit, weight, now, share)
            # Stored even where nothing is taken: after a clock was set back the bucket drains from now on.
            if not db.execute(_STORE, _named(bucket, gate, now, asking.after)).rowcount:
                return _pause_left(db, [gate], now)
        self._left[bucket] = asking.after
        return asking.wait

    def _takes_undisturbed(
        self, bucket: str, gate: str, now: datetime, left: Mapping[str, Any], asking: "_Asking"
    ) -> bool:
        """Take with one statement where nobody else has used the bucket since we saw it as `left`; False where somebody has."""
        before = {f"old_{name}": left[name] for name in _STORED}
        with self._at_once() as db:
            taken = db.execute(_STORE_UNDISTURBED, _named(bucket, gate, now, asking.after) | before).rowcount > 0
        if taken:
            self._left[bucket] = asking.after
        return taken

    def _look(self, bucket: str) -> Mapping[str, Any] | None:
        """The bucket as it stands, without waiting for anybody's lock; None before its first use."""
        with self._reading() as db:
            row = db.execute(_STANDS, {"mine": bucket}).mappings().one_or_none()
        return None if row is None or row["updated_at"] is None else dict(row)

    def budget_pause(self, names: Sequence[str], now: datetime) -> float:
        """Seconds until none of these buckets and gates is paused any more."""
        with self._reading() as db:
            return _pause_left(db, names, now)

    def forget_idle_limits(self, before: datetime) -> None:
        """Delete the buckets of keys that nobody has used since: they are empty, and a bucket's name holds a hash of its key."""
        unused = and_(
            or_(budgets.c.updated_at.is_(None), budgets.c.updated_at < before),
            or_(budgets.c.paused_until.is_(None), budgets.c.paused_until < before),
        )
        with self._writing() as db:
            names = db.execute(select(budgets.c.bucket).where(unused)).scalars()
            found = [name for name in names if (bucket := Bucket.read(name)) is not None and bucket.shared_by == "key"]
            db.execute(delete(budgets).where(budgets.c.bucket.in_(found), unused))

    def budget_use(self, now: datetime) -> Sequence[BudgetUse]:
        """What was taken of each bucket, by name."""
        with self._reading() as db:
            rows = db.execute(select(budgets).order_by(budgets.c.bucket)).mappings().all()
        return [
            BudgetUse(
                name=row["bucket"],
                today=counted["taken_today"],
                day_before=counted["taken_day_before"],
                paused_until=row["paused_until"] if row["paused_until"] and row["paused_until"] > now else None,
            )
            for row in rows
            for counted in [_day(row, now, 0)]
        ]

    def pause_budget(self, bucket: str, until: datetime) -> None:
        """Let nobody take from this bucket, or from those behind this gate, before `until`; a later pause stands."""
        with self._writing() as db:
            insert_new(db, budgets, {"bucket": bucket, "level": 0.0})
            shorter = budgets.c.paused_until.is_(None) | (budgets.c.paused_until < until)
            db.execute(update(budgets).where(budgets.c.bucket == bucket, shorter).values(paused_until=until))


# Made once, and two statements where there could be four: this is asked for nearly every request to an exchange.
_GATE = budgets.alias("gate")
_LOOK = (
    select(
        budgets,
        select(_GATE.c.paused_until).where(_GATE.c.bucket == bindparam("gate")).scalar_subquery().label("gate_until"),
    )
    .where(budgets.c.bucket == bindparam("mine"))
    .with_for_update(of=budgets)
)
_STORED = ("level", "updated_at", "day", "taken_today", "taken_day_before")
_STANDS = select(*(budgets.c[name] for name in _STORED)).where(budgets.c.bucket == bindparam("mine"))
_NEW: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _STORED}
_STORE = (
    update(budgets)
    .where(
        budgets.c.bucket == bindparam("mine"),
        # Looked at once more: who waited for the lock saw the gate as it was before the wait.
        not_(exists().where(_GATE.c.bucket == bindparam("gate"), _GATE.c.paused_until > bindparam("asked_at"))),
    )
    .values(_NEW)
)
_FREE = budgets.alias("free")
# What was taken on a day only grows: where all is as we left it, nobody else was there. Whose lock is held isn't waited for: the gate would
# be seen as it was before the wait.
_STORE_UNDISTURBED = _STORE.where(
    budgets.c.bucket
    == select(_FREE.c.bucket)
    .where(_FREE.c.bucket == bindparam("mine"))
    .with_for_update(skip_locked=True)
    .scalar_subquery(),
    *(budgets.c[name] == bindparam(f"old_{name}") for name in _STORED),
    or_(budgets.c.paused_until.is_(None), budgets.c.paused_until <= bindparam("asked_at")),
)


@dataclass(frozen=True, slots=True)
class _Asking:
    """What asking a bucket comes to."""

    wait: float
    """Seconds; 0.0 where the units are taken."""
    after: Mapping[str, Any]
    """How the bucket is left."""

    @classmethod
    def of(cls, row: Mapping[Any, Any], limit: Limit, weight: int, now: datetime, share: float) -> "_Asking":
        """Ask a bucket that stands as in `row`."""
        room = max(limit.capacity * share - weight, 0.0)
        reached = _reached(row["updated_at"], now)
        drained = (reached - (row["updated_at"] or reached)).total_seconds() * limit.per_second
        level = max(0.0, row["level"] - max(0.0, drained))
        taken = level <= room + _TINY
        wait = 0.0 if taken else _rounded_up((level - room) / limit.per_second + (reached - now).total_seconds())
        return cls(wait, {"level": level + weight * taken, "updated_at": reached} | _day(row, now, weight * taken))


def _named(bucket: str, gate: str, now: datetime, after: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a statement that stores."""
    return {"mine": bucket, "gate": gate, "asked_at": now} | {f"new_{name}": value for name, value in after.items()}


def _locked(db: Connection, bucket: str, gate: str) -> RowMapping:
    """The bucket's row, locked, with the pause of its gate; made where there is none yet."""
    asked = {"mine": bucket, "gate": gate}
    row = db.execute(_LOOK, asked).mappings().one_or_none()
    if row is None:
        insert_new(db, budgets, {"bucket": bucket, "level": 0.0})
        row = db.execute(_LOOK, asked).mappings().one()
    return row


def _reached(updated_at: datetime | None, now: datetime) -> datetime:
    """How far time has come in a bucket: clocks of processes differ a little and must not drain twice; a clock set back starts anew."""
    if updated_at is None or now >= updated_at or _was_set_back(updated_at, now):
        return now
    return updated_at


def _was_set_back(updated_at: datetime, now: datetime) -> bool:
    return updated_at > now + _SKEW


def _day(row: Mapping[Any, Any], now: datetime, weight: float) -> dict[str, float]:
    """What was taken since midnight UTC, and on the day before."""
    day = now.toordinal()
    today, before = row["taken_today"], row["taken_day_before"]
    if row["day"] != day:
        today, before = 0.0, today if row["day"] == day - 1 else 0.0
    return {"day": day, "taken_today": today + weight, "taken_day_before": before}


def _pause_left(db: Connection, names: Sequence[str], now: datetime) -> float:
    until = db.execute(select(func.max(budgets.c.paused_until)).where(budgets.c.bucket.in_(names))).scalar_one()
    return _rounded_up(max((until - now).total_seconds(), 0.0)) if until else 0.0


def _rounded_up(seconds: float) -> float:
    return math.ceil(seconds * _MICROSECONDS) / _MICROSECONDS
