"""The part of the control database that counts requests: what all processes that share a key or an address have sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from metrifly_pipeline.domain.buckets import BudgetUse
from metrifly_pipeline.domain.spec import Limit


class BudgetStore(Protocol):
    """Leaky buckets by name, and gates that stand before several of them. Each method is one transaction; times are aware UTC."""

    def take_budget(
        self, bucket: str, limit: Limit, weight: int, now: datetime, *, share: float = 1.0, gate: str = ""
    ) -> float:
        """Take `weight` units where that fills no more than `share` of the bucket; returns 0.0 when taken, else the seconds to wait."""

    def budget_pause(self, names: Sequence[str], now: datetime) -> float:
        """Seconds until none of these buckets and gates is paused any more; 0.0 when none is."""

    def pause_budget(self, bucket: str, until: datetime) -> None:
        """Let nobody take from this bucket, or from those behind this gate, before `until`."""

    def forget_idle_limits(self, before: datetime) -> None:
        """Forget the buckets of keys that nobody has used since `before`, long enough ago for them to be empty."""

    def budget_use(self, now: datetime) -> Sequence[BudgetUse]:
        """What was taken of each bucket today and the day before, and what is paused; by name."""
