"""What a sync tells the control room: where its pages ended, what it found; and what it is told at its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from metrifly_pipeline.domain.attention import Attention
from metrifly_pipeline.domain.reasons import Reason
from metrifly_pipeline.domain.status import Lease
from metrifly_pipeline.domain.streams import CursorState, Span, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorMove:
    """What one page moves once its records are committed."""

    stream: Stream
    scope: str
    cursor: CursorState | None
    covered: Span | None
    ended: str = ""
    done: int = 0
    planned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """All that one connection's committed pages move, guarded by its lease."""

    lease: Lease
    moves: tuple[CursorMove, ...]
    landed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason found on a connection, before it is stored as attention."""

    reason: Reason
    stream: str = ""
    detail: str = ""
    opens_at: datetime | None = None
    """Of a limited history: where it begins. An opening balance dated then or earlier answers it; None: nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What the end of a run came to."""

    changed: bool
    """Whether a reader would see a difference; then the change is numbered."""
    standing: Sequence[Attention]
    """What stands now, oldest first."""
