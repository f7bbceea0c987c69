"""What ticks of one process share instead of opening it each time."""

import atexit
import os
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
KEPT_SECONDS = 600.0
"""So long one is used; what changed around it (tables brought up to date, a key replaced) is seen after that at the latest."""


@dataclass(frozen=True, slots=True)
class _Open(Generic[V]):
    value: V
    since: float
    closing: ExitStack


class Kept(Generic[K, V]):
    """Values that are opened once and used for a while, by key. Safe for threads; a forked process opens its own.

    What is closed may still be in use by another thread: closing lets go of what lies idle, and a product goes on working without it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep nothing yet; `clock` counts seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[int, K], _Open[V]] = {}
        atexit.register(self.close)

    def of(self, key: K, opening: Callable[[], AbstractContextManager[V]]) -> V:
        """The value of `key`, opened where there is none or it is old. One that can't be opened isn't kept: who comes next tries again."""
        place = (os.getpid(), key)
        with self._lock:
            known = self._open.get(place)
        if known is not None and self._clock() - known.since < KEPT_SECONDS:
            return known.value
        # Not under the lock: where the database is away, nobody waits for somebody else's tries.
        closing = ExitStack()
        made = _Open(closing.enter_context(opening()), self._clock(), closing)
        with self._lock:
            outdated = self._open.get(place)
            self._open[place] = made
        if outdated is not None:
            outdated.closing.close()
        return made.value

    def close(self) -> None:
        """Close what this process has opened."""
        with self._lock:
            mine = [self._open.pop(place) for place in list(self._open) if place[0] == os.getpid()]
        for each in mine:
            each.closing.close()
