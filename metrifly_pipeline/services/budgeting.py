"""Requests an exchange allows, taken from the control database in blocks, so that processes that share a key or an IP never overrun."""

import threading
from datetime import timedelta

from metrifly_pipeline.domain.attention import Reason
from metrifly_pipeline.domain.ports import Clock, ControlStore, Sleep
from metrifly_pipeline.domain.spec import Limit
from metrifly_pipeline.domain.trouble import ExchangeTroubleError

LONGEST_WAIT_SECONDS = 300.0
BLOCKS_PER_CAPACITY = 20
"""A block is at most this part of a limit, so that no process hoards what others need."""


class SharedBudget:
    """The budget of one session: one exchange, one key, one egress IP."""

    def __init__(self, control: ControlStore, clock: Clock, sleep: Sleep, *, exchange: str, key: str, ip: str) -> None:
        """Share limits by `key` (a fingerprint) or by `ip` with everyone who names the same."""
        self._control = control
        self._clock = clock
        self._sleep = sleep
        self._exchange = exchange
        self._shared_by = {"key": key, "ip": ip}
        self._blocks: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, bucket: str, limit: Limit, weight: int) -> None:
        """Wait until `weight` units are ours; raises RATE_LIMITED where that would take too long."""
        with self._lock:
            name = self._name(bucket, limit)
            if self._blocks.get(name, 0) >= weight:
                self._blocks[name] -= weight
                return
            block = max(weight, limit.capacity // BLOCKS_PER_CAPACITY)
            if self._control.take_budget(name, limit, block, self._clock()) == 0.0:
                self._blocks[name] = self._blocks.get(name, 0) + block - weight
                return
            self._wait_for(name, limit, weight)

    def pause(self, bucket: str, limit: Limit, seconds: float) -> None:
        """Let nobody that shares this bucket ask for `seconds`."""
        with self._lock:
            name = self._name(bucket, limit)
            self._blocks.pop(name, None)
            self._control.pause_budget(name, self._clock() + timedelta(seconds=seconds))

    def _wait_for(self, name: str, limit: Limit, weight: int) -> None:
        waited = 0.0
        while (pause := self._control.take_budget(name, limit, weight, self._clock())) > 0.0:
            waited += pause
            if waited > LONGEST_WAIT_SECONDS:
                raise ExchangeTroubleError(Reason.RATE_LIMITED, retry_after_seconds=pause)
            self._sleep(pause)

    def _name(self, bucket: str, limit: Limit) -> str:
        return f"{self._exchange}:{bucket}:{self._shared_by[limit.shared_by]}"
