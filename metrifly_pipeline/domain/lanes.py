"""Who goes first where an exchange allows fewer requests than are wanted."""

from enum import Enum

from metrifly_pipeline.domain.status import SyncKind


class Lane(Enum):
    """What a request is sent for, most urgent first; the value is the part of a limit that this lane may fill.

    What a lane may not fill stays free for those before it. While they keep a limit fuller than that, it waits, so the order is
    strict under pressure and costs nothing without: a limit that nobody else wants refills at its full pace for whoever asks.
    """

    CONNECT = 1.0
    """Somebody sits before a prompt: connect, test, replace a key."""
    SYNC_NOW = 0.9
    DAILY = 0.75
    FIRST_IMPORT = 0.6
    SWEEP = 0.5
    """All symbols are asked again, once in a while."""

    @classmethod
    def of(cls, kind: SyncKind) -> "Lane":
        """The lane of a sync."""
        return _OF_KIND[kind]


_OF_KIND = {
    SyncKind.SYNC_NOW: Lane.SYNC_NOW,
    SyncKind.DAILY: Lane.DAILY,
    SyncKind.FIRST_IMPORT: Lane.FIRST_IMPORT,
    SyncKind.REBUILD: Lane.DAILY,
}
