"""Typing what has landed: after a pull, between its steps, and beside it while a long one goes on."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import NormalizeJob, NormalizeOutcome
from metrifly_pipeline.domain.ports import Clock, Lake
from metrifly_pipeline.domain.status import Connection

_HAND_OVER_SECONDS = 0.0005


def job(connection: Connection, *, rebuild: bool = False) -> NormalizeJob:
    """What the lake is told to normalise."""
    return NormalizeJob(
        connection=connection.id, exchange=connection.exchange, app_id=connection.app_id, rebuild=rebuild
    )


class Normalizing:
    """Normalises and adds up what it came to, by connection. Safe for several threads; they take turns in the lake."""

    def __init__(self, lake: Lake, held: Callable[[], set[ConnectionId]], clock: Clock, every: int) -> None:
        """Type what `lake` has landed, of leases in `held`; beside a pull whenever `every` more records have landed."""
        self._lake = lake
        self._held = held
        self._clock = clock
        self._every = every
        self._outcomes: dict[ConnectionId, NormalizeOutcome] = {}
        self._waiting = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()

    def now(self, jobs: Sequence[NormalizeJob]) -> None:
        """Normalise what these jobs' connections have landed so far."""
        if not jobs:
            return
        outcomes = self._lake.normalize(jobs, self._held, self._clock())
        with self._lock:
            for connection, outcome in outcomes.items():
                earlier = self._outcomes.get(connection)
                self._outcomes[connection] = outcome if earlier is None else earlier.plus(outcome)

    def take(self, connection: ConnectionId) -> NormalizeOutcome:
        """All that this connection's records came to, once."""
        with self._lock:
            return self._outcomes.pop(connection, NormalizeOutcome(connection=connection))

    def landed(self, records: int) -> None:
        """So many records were committed."""
        with self._lock:
            self._waiting += records
            if self._waiting >= self._every:
                self._waiting = 0
                self._wake.set()

    @contextmanager
    def beside(self, jobs: Sequence[NormalizeJob], first: Callable[[], None] | None = None) -> Iterator[None]:
        """While the block pulls, normalise in a thread of its own whenever enough has landed: typing is DuckDB's work, pulling Python's.

        Args:
            jobs: What is normalised.
            first: Done in that thread before there is anything to type.

        Raises:
            Exception: What went wrong in the thread, at the end of the block.
        """
        faults: list[Exception] = []
        done = threading.Event()

        def work() -> None:
            try:
                if first is not None:
                    first()
                while True:
                    self._wake.wait()
                    # Cleared before `done` is looked at, which is set before the last wake: so that one is never missed.
                    self._wake.clear()
                    if done.is_set():
                        return
                    self.now(jobs)
            except Exception as fault:  # noqa: BLE001 - raised where the block ends
                faults.append(fault)

        self._wake.clear()
        thread = threading.Thread(target=work, name="normalise", daemon=True)
        thread.start()
        with _handing_over_soon():
            try:
                yield
            finally:
                done.set()
                self._wake.set()
                thread.join()
        if faults:
            raise faults[0]


@contextmanager
def _handing_over_soon() -> Iterator[None]:
    """Let threads that want Python's lock have it soon: typing needs it for moments only, a hundred times a batch, pulling all the time.

    With the interval that Python begins with, DuckDB would stand still for longer than it works.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_HAND_OVER_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
