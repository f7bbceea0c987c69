"""When a connection is due: a stable slot a day, and growing pauses after transient trouble. Pure."""

import hashlib
from datetime import datetime, timedelta

from metrifly_pipeline.domain.ids import ConnectionId

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=6)
SLOT = timedelta(minutes=30)
"""Slots begin so far apart: whoever shares one is synced in one run and published at once, and both cost seconds to begin."""
_DAY = timedelta(days=1)


def slot(connection: ConnectionId, window: timedelta) -> timedelta:
    """The connection's own time of day, one of those that lie `SLOT` apart in the window from midnight UTC; it never changes."""
    digest = hashlib.blake2b(connection.encode(), digest_size=8).digest()
    return SLOT * (int.from_bytes(digest) % max(window // SLOT, 1))


def next_slot(connection: ConnectionId, now: datetime, window: timedelta) -> datetime:
    """The first slot after `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = midnight + slot(connection, window)
    return today if today > now else today + _DAY


def retry_at(failures: int, now: datetime, asked_wait_seconds: float | None) -> datetime:
    """When to try again after the `failures`-th transient failure in a row (1 for the first): doubling, never sooner than asked."""
    pause: timedelta = min(FIRST_RETRY * 2 ** min(max(failures - 1, 0), 10), LONGEST_RETRY)
    return now + max(pause, timedelta(seconds=asked_wait_seconds or 0.0))
