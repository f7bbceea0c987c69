"""Which one word says what a connection is doing, and whether that is old news. Pure: the same facts say the same in every place."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.reasons import Level, Reason
from metrifly_pipeline.domain.status import Connection, Status

STALE_AFTER = timedelta(hours=26)
"""A day, and time for the daily sync itself."""


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


def staleness(connection: Connection, attention: Sequence[Attention], now: datetime) -> Attention | None:
    """Say that a connection has not been synced for too long although nothing known stands in its way.

    Nobody stores this: where it arises, nothing runs that could. It is worked out wherever connections are shown.

    Args:
        connection: Its stored state.
        attention: What stands on this connection.
        now: Aware UTC.

    Returns:
        The notice; None while the last sync is young, or where another reason says already why there is none.
    """
    explained = connection.disconnected_at is not None or connection.failing_since is not None
    if explained or any(row.level(now) is Level.ACTION for row in attention):
        return None
    last = connection.last_success_at if connection.first_import_done else connection.last_checked_at
    since = (last or connection.created_at) + STALE_AFTER
    if now < since:
        return None
    detail = f"last synced {last:%Y-%m-%d %H:%M} UTC" if last else "never synced"
    return Attention(connection=connection.id, reason=Reason.STALE, since=since, detail=detail)
