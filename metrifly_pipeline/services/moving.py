"""Moving: let a connection flow into another portfolio; its trades, legs and positions follow at the next publish."""

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Clock, ControlStore
from metrifly_pipeline.domain.status import Portfolio


class Moving:
    """The verb *move*."""

    def __init__(self, control: ControlStore, clock: Clock) -> None:
        """Join the ports."""
        self._control = control
        self._clock = clock

    def move(self, connection: ConnectionId, portfolio: str) -> Portfolio:
        """Move a connection with all that was ever imported through it.

        Args:
            connection: Connected or disconnected; a sync that runs is not disturbed.
            portfolio: Name or id of a portfolio of the same account.

        Returns:
            The portfolio that it flows into now.

        Raises:
            NotFoundError: This account has no such portfolio.
            RefusedError: The connection flows into it already.
        """
        found = self._control.find_portfolio(self._control.connection(connection).account, portfolio)
        self._control.move(connection, found.id, self._clock())
        return found
