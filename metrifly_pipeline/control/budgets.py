"""Budgets: leaky buckets that all processes share."""

import math
from datetime import datetime, timedelta

from sqlalchemy import select, update

from metrifly_pipeline.control.tables import budgets
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.control.upserts import insert_new
from metrifly_pipeline.domain.spec import Limit

_TINY = 1e-9
"""Units lost to rounding; without it a wait of exactly the seconds we named could be too short by a hair."""
_MICROSECONDS = 1_000_000
_SKEW = timedelta(minutes=1)
"""What two processes' clocks may differ by; more is a clock that was set back."""


class Budgets(Transactions):
    """The store's methods for budgets."""

    def take_budget(self, bucket: str, limit: Limit, weight: int, now: datetime) -> float:
        """Take `weight` units; returns 0.0 when taken, else the seconds (rounded up to a microsecond) to wait before asking again.

        A weight above the whole capacity is taken when the bucket is empty.
        """
        with self._writing() as db:
            insert_new(db, budgets, {"bucket": bucket, "level": 0.0})
            mine = budgets.c.bucket == bucket
            row = db.execute(select(budgets).where(mine).with_for_update()).mappings().one()
            if row["paused_until"] is not None and row["paused_until"] > now:
                return _rounded_up((row["paused_until"] - now).total_seconds())
            reached = _reached(row["updated_at"], now)
            drained = (reached - (row["updated_at"] or reached)).total_seconds() * limit.per_second
            level = max(0.0, row["level"] - max(0.0, drained))
            room = max(limit.capacity - weight, 0)
            taken = level <= room + _TINY
            # Stored even where nothing is taken: after a clock was set back the bucket drains from now on.
            stored = {"level": level + weight * taken, "updated_at": reached}
            db.execute(update(budgets).where(mine).values(stored))
            return 0.0 if taken else _rounded_up((level - room) / limit.per_second + (reached - now).total_seconds())

    def pause_budget(self, bucket: str, until: datetime) -> None:
        """Let nobody take from this bucket before `until`; a later pause stands."""
        with self._writing() as db:
            insert_new(db, budgets, {"bucket": bucket, "level": 0.0})
            shorter = budgets.c.paused_until.is_(None) | (budgets.c.paused_until < until)
            db.execute(update(budgets).where(budgets.c.bucket == bucket, shorter).values(paused_until=until))


def _reached(updated_at: datetime | None, now: datetime) -> datetime:
    """How far time has come in a bucket: clocks of processes differ a little and must not drain twice; a clock set back starts anew."""
    if updated_at is None or not now < updated_at <= now + _SKEW:
        return now
    return updated_at


def _rounded_up(seconds: float) -> float:
    return math.ceil(seconds * _MICROSECONDS) / _MICROSECONDS
