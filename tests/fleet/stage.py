"""Several workers on one simulated clock, each a thread that runs when its time has come and nobody's comes sooner: the same at every run."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

STEP = timedelta(seconds=30)
"""What must be done while somebody waits (leases are renewed) is done so often."""


class Stage:
    """The clock, and who may go on. A worker's threads take turns."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._wakes: dict[str, datetime] = {}
        self._changed = threading.Condition()
        self._one_at_a_time: dict[str, threading.RLock] = defaultdict(threading.RLock)

    @contextmanager
    def playing(self, name: str) -> Iterator[None]:
        """The block is this worker's."""
        with self._changed:
            self._wakes[name] = self.now
        try:
            self._wait(name, self.now)
            yield
        finally:
            with self._changed:
                del self._wakes[name]
                self._changed.notify_all()

    def sleep(self, name: str, span: timedelta, each_step: Callable[[], object]) -> None:
        """Let this worker's time pass, and meanwhile everybody else's."""
        with self._one_at_a_time[name]:
            end = self.now + span
            while self.now < end:
                self._wait(name, min(self.now + STEP, end))
                each_step()

    def _wait(self, name: str, until: datetime) -> None:
        with self._changed:
            self._wakes[name] = until
            self._changed.notify_all()
            self._changed.wait_for(lambda: min(self._wakes, key=lambda each: (self._wakes[each], each)) == name)
            self.now = max(self.now, until)


class Worker:
    """Clock and sleep of one product on the stage; what its requests take is paid before it looks at the clock again."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name
        self._owed = timedelta()
        self._lock = threading.Lock()
        self.renew: Callable[[], object] = lambda: None

    def owe(self, span: timedelta) -> None:
        """A request of this worker took so long."""
        with self._lock:
            self._owed += span

    def clock(self) -> datetime:
        """What the time is for this worker."""
        with self._lock:
            owed, self._owed = self._owed, timedelta()
        if owed:
            self._stage.sleep(self._name, owed, self.renew)
        return self._stage.now

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._stage.sleep(self._name, timedelta(seconds=seconds), self.renew)
