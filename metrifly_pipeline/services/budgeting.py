"""Requests an exchange allows, taken from the control database in blocks, so that processes that share a key or an IP never overrun."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from metrifly_pipeline.domain.lanes import Lane
from metrifly_pipeline.domain.ports import BudgetStore, Clock, Sleep
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import Limit
from metrifly_pipeline.domain.trouble import ExchangeTroubleError

LONGEST_WAIT_SECONDS = 300.0
LONGEST_NAP_SECONDS = 5.0
"""A wait is looked at again after this long: it may have become shorter, since a share that others kept full was let go."""
BLOCKS_PER_CAPACITY = 40
"""A block is at most this part of a limit, so that no process hoards what others need."""
TRUSTED = timedelta(seconds=0.2)
"""How long a block is spent without a look at whether another process was told to pause."""


@dataclass(slots=True)
class _Block:
    """Units that are ours already."""

    units: int
    trusted_until: datetime


class SharedBudget:
    """The budget of one process. A session names its buckets so that all who share a key or an IP name the same."""

    def __init__(self, control: BudgetStore, clock: Clock, sleep: Sleep) -> None:
        """Take from the control database; nothing is taken before it is asked for."""
        self._control = control
        self._clock = clock
        self._sleep = sleep
        self._blocks: dict[str, _Block] = {}
        self._lock = threading.Lock()

    def lane(self, lane: Lane) -> "LaneBudget":
        """This budget as requests of one lane see it."""
        return LaneBudget(self, lane)

    def take(self, bucket: str, limit: Limit, weight: int, gate: str, lane: Lane) -> None:
        """Wait until `weight` units are ours; raises RATE_LIMITED where that would take too long."""
        now = self._clock()
        if self._spend(bucket, weight, gate, now):
            return
        units = max(weight, limit.capacity // BLOCKS_PER_CAPACITY)
        if self._control.take_budget(bucket, limit, units, now, share=lane.value, gate=gate) == 0.0:
            with self._lock:
                self._blocks[bucket] = _Block(units - weight, now + TRUSTED)
            return
        self._wait_for(bucket, limit, weight, gate, lane)

    def pause(self, name: str, seconds: float) -> None:
        """Let nobody take from this bucket, or from any behind this gate, for `seconds`."""
        with self._lock:
            self._blocks.clear()
        self._control.pause_budget(name, self._clock() + timedelta(seconds=seconds))

    def _spend(self, bucket: str, weight: int, gate: str, now: datetime) -> bool:
        """Take from what is ours already; False where that isn't enough or nobody may ask now."""
        with self._lock:
            block = self._blocks.get(bucket)
            if block is None or block.units < weight:
                return False
            is_trusted = now < block.trusted_until
        if not is_trusted and self._control.budget_pause((bucket, gate), now) > 0.0:
            return False
        with self._lock:
            if block.units < weight:  # another thread was faster
                return False
            block.units -= weight
            if not is_trusted:
                block.trusted_until = now + TRUSTED
            return True

    def _wait_for(self, bucket: str, limit: Limit, weight: int, gate: str, lane: Lane) -> None:
        waited = 0.0
        while True:
            now = self._clock()
            pause = self._control.take_budget(bucket, limit, weight, now, share=lane.value, gate=gate)
            if pause == 0.0:
                return
            if waited + pause > LONGEST_WAIT_SECONDS:
                raise ExchangeTroubleError(Reason.RATE_LIMITED, retry_after_seconds=pause)
            nap = min(pause, LONGEST_NAP_SECONDS)
            waited += nap
            self._sleep(nap)


class LaneBudget:
    """What one session takes its requests from. Not for several threads at once."""

    def __init__(self, shared: SharedBudget, lane: Lane) -> None:
        """Take from `shared` as requests of `lane`."""
        self._shared = shared
        self._lane = lane

    def take(self, bucket: str, limit: Limit, weight: int, gate: str) -> None:
        """See `Budget.take`."""
        self._shared.take(bucket, limit, weight, gate, self._lane)

    def pause(self, name: str, seconds: float) -> None:
        """See `Budget.pause`."""
        self._shared.pause(name, seconds)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """What the block asks waits behind everything else."""
        before, self._lane = self._lane, Lane.SWEEP
        try:
            yield
        finally:
            self._lane = before
