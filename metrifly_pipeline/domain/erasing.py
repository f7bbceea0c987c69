"""Deleting a customer's account: what is remembered of it until its last trace is gone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from metrifly_pipeline.domain.ids import ConnectionId

GRACE = timedelta(days=7)
"""How long replaced files outlive a deletion: for readers of an older catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An account that was deleted and of which files may still hold something."""

    id: int
    account_name: str
    asked_at: datetime
    erase_at: datetime
    """From then on replaced files are removed."""
    rewritten_at: datetime | None
    """When the tables were rewritten without its rows; None until then."""
    connections: Mapping[ConnectionId, str]
    """The app id, by which tables know it, of each connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountContents:
    """What goes with an account."""

    connections: int
    portfolios: int
    trades: int
    movements: int
    entries: int
    receivers: int


class Forget(Protocol):
    """Deletes what Dagster's own storage says of connections; True once nothing there names them any more."""

    def __call__(self, connections: Collection[ConnectionId], asked_at: datetime, /) -> bool:
        """They were deleted at `asked_at`: what was at work then may still write of them, and False is the answer until it has ended."""
