"""Requests an exchange allows, taken from the control database in blocks, so that processes that share a key or an IP never overrun."""

import threading
from collections import Counter
from datetime import timedelta

from metrifly_pipeline.domain.ports import Clock, ControlStore, Sleep
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.spec import Limit
from metrifly_pipeline.domain.trouble import ExchangeTroubleError

LONGEST_WAIT_SECONDS = 300.0
BLOCKS_PER_CAPACITY = 20
"""A block is at most this part of a limit, so that no process hoards what others need."""


class SharedBudget:
    """The budget of one process. A session names its buckets so that all who share a key or an IP name the same."""

    def __init__(self, control: ControlStore, clock: Clock, sleep: Sleep) -> None:
        """Take from the control database; nothing is taken before it is asked for."""
        self._control = control
        self._clock = clock
        self._sleep = sleep
        self._blocks: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, bucket: str, limit: Limit, weight: int) -> None:
        """Wait until `weight` units are ours; raises RATE_LIMITED where that would take too long."""
        with self._lock:
            if self._blocks[bucket] >= weight:
                self._blocks[bucket] -= weight
                return
        block = max(weight, limit.capacity // BLOCKS_PER_CAPACITY)
        if self._control.take_budget(bucket, limit, block, self._clock()) == 0.0:
            with self._lock:
                self._blocks[bucket] += block - weight
            return
        self._wait_for(bucket, limit, weight)

    def pause(self, bucket: str, limit: Limit, seconds: float) -> None:  # noqa: ARG002 - the port's own parameters
        """Let nobody that shares this bucket ask for `seconds`."""
        with self._lock:
            del self._blocks[bucket]
        self._control.pause_budget(bucket, self._clock() + timedelta(seconds=seconds))

    def _wait_for(self, bucket: str, limit: Limit, weight: int) -> None:
        waited = 0.0
        while (pause := self._control.take_budget(bucket, limit, weight, self._clock())) > 0.0:
            waited += pause
            if waited > LONGEST_WAIT_SECONDS:
                raise ExchangeTroubleError(Reason.RATE_LIMITED, retry_after_seconds=pause)
            self._sleep(pause)
