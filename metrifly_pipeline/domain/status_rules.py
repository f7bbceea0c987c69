"""Which one word says what a connection is doing. Pure: the same facts give the same word in every place that shows it."""

from collections.abc import Sequence
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention, Level
from metrifly_pipeline.domain.status import Connection, Status


def connection_status(
    connection: Connection,
    attention: Sequence[Attention],
    running: bool,  # noqa: FBT001 - one of four facts that are always given together
    now: datetime,
) -> Status:
    """Decide a connection's status.

    Args:
        connection: Its stored state.
        attention: What stands on this connection (rows of other connections are not looked at).
        running: Whether a sync of it runs at `now`.
        now: Aware UTC; decides whether a transient reason has lasted long enough to need someone.

    Returns:
        The first that holds of: disconnected, needs attention, syncing (importing until the first import is done), delayed (failing without
        needing anyone yet), importing, up to date.
    """
    if connection.disconnected_at is not None:
        return Status.DISCONNECTED
    own = (row for row in attention if row.connection == connection.id)
    if any(row.level(now) is Level.ACTION for row in own):
        return Status.NEEDS_ATTENTION
    if running:
        return Status.SYNCING if connection.first_import_done else Status.IMPORTING
    if connection.failing_since is not None:
        return Status.DELAYED
    return Status.UP_TO_DATE if connection.first_import_done else Status.IMPORTING
