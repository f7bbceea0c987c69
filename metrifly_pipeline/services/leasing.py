"""Holding the right to write: leases taken when a turn begins, renewed while it lasts, let go when it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Clock, ControlStore
from metrifly_pipeline.domain.status import Lease
from metrifly_pipeline.domain.trouble import LeaseLostError

LEASE = timedelta(seconds=120)
RENEW_SECONDS = 30.0


class Leasing:
    """Leases of one worker; a background thread renews those that are held."""

    def __init__(self, control: ControlStore, clock: Clock, holder: str) -> None:
        """`holder` names this worker, without any id of a person."""
        self._control = control
        self._clock = clock
        self._holder = holder
        self._held: dict[ConnectionId, Lease] = {}
        self._lock = threading.Lock()

    def take(self, connection: ConnectionId) -> Lease | None:
        """The lease of a connection, or None while somebody else holds it."""
        lease = self._control.acquire_lease(connection, self._holder, self._clock(), LEASE)
        if lease is not None:
            with self._lock:
                self._held[connection] = lease
        return lease

    def give_back(self, connection: ConnectionId) -> None:
        """Let go; a no-op where nothing is held."""
        with self._lock:
            lease = self._held.pop(connection, None)
        if lease is not None:
            self._control.release_lease(lease)

    def still_held(self) -> set[ConnectionId]:
        """Those of our leases that nobody has overtaken."""
        with self._lock:
            leases = list(self._held.values())
        return self._control.held(leases, self._clock())

    def renew_all(self) -> None:
        """Extend every lease we hold; forget the lost ones."""
        with self._lock:
            leases = list(self._held.values())
        for lease in leases:
            self._renew(lease)

    def _renew(self, lease: Lease) -> None:
        try:
            renewed = self._control.renew_lease(lease, self._clock(), LEASE)
        except LeaseLostError:
            renewed = None
        with self._lock:
            if self._held.get(lease.connection) != lease:
                return
            if renewed is None:
                del self._held[lease.connection]
            else:
                self._held[lease.connection] = renewed

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew in the background while the block runs."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(RENEW_SECONDS):
                self.renew_all()

        thread = threading.Thread(target=renew, name="lease-renewal", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
