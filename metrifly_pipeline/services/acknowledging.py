"""Acknowledging notices: somebody knows that data are limited, and why that may stand, until the facts change."""

from collections.abc import Sequence

from metrifly_pipeline.domain.acknowledging import acknowledgeable, note_of
from metrifly_pipeline.domain.attention import Acknowledgement, Attention
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Clock, ControlStore
from metrifly_pipeline.domain.trouble import RefusedError
from metrifly_pipeline.services.listing import Listing


class Acknowledging:
    """The verb *acknowledge*, and its way back."""

    def __init__(self, control: ControlStore, listing: Listing, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._listing = listing
        self._clock = clock

    def acknowledge(self, connection: ConnectionId, reason: str, note: str) -> Sequence[Attention]:
        """Acknowledge everything that stands on a connection for a reason, in the words in which it stands now.

        A second acknowledgement replaces the note of the first.

        Raises:
            RefusedError: The note is empty or too long, the reason does not stand there or is no notice, or its facts changed just now.
        """
        words = note_of(note)
        found, now = self._standing(connection, reason), self._clock()
        account = self._control.connection(connection).account
        self._mark(connection, found, Acknowledgement(at=now, by=account, note=words))
        return found

    def take_back(self, connection: ConnectionId, reason: str) -> Sequence[Attention]:
        """Let acknowledged notices of a reason stand as any other again; RefusedError where none is acknowledged."""
        found = [item for item in self._standing(connection, reason) if item.acknowledged is not None]
        if not found:
            raise RefusedError(f"{reason} on {connection} is not acknowledged; nothing was changed.")
        self._mark(connection, found, None)
        return found

    def _standing(self, connection: ConnectionId, reason: str) -> Sequence[Attention]:
        return acknowledgeable(connection, reason, self._listing.standing(connection), self._clock())

    def _mark(self, connection: ConnectionId, found: Sequence[Attention], given: Acknowledgement | None) -> None:
        if not self._control.acknowledge(connection, found, given, self._clock()):
            raise RefusedError(
                f"The facts on {connection} changed at this very moment; look at them with `metrifly connections` and try again."
            )
