"""What is asked of an exchange: streams, scopes, spans of time, and the pages that come back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

JsonScalar = str | int | bool | None
CursorState = Mapping[str, JsonScalar]
"""Where paging goes on; flat JSON, its keys belong to the paging family. Always holds `covered_to_us` once a span is proven."""

EVERYTHING = "all"
"""The scope of a stream that is asked as a whole."""


class Stream(StrEnum):
    """What is asked of a surface. The value is stored in every raw record."""

    FILLS = "fills"
    DEPOSITS = "deposits"
    WITHDRAWALS = "withdrawals"
    LEDGER = "ledger"
    CONVERTS = "converts"
    DUST = "dust"
    REWARDS = "rewards"
    BALANCES = "balances"
    REFERENCE = "reference"


class Paging(StrEnum):
    """The paging families; `exchanges/paging.py` holds one driver for each."""

    OFFSET_IN_WINDOW = "offset_in_window"
    SYMBOL_BY_ID = "symbol_by_id"
    ID_BACKWARDS = "id_backwards"
    HALVED_WINDOW = "halved_window"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A closed span of time, aware UTC: `start` and `end` both belong to it."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One item as the exchange sent it.

    `payload` is canonical JSON (sorted keys, no blanks, every non-integer number as a string). `event_at` is only a hint that bounds
    scans, read from the field that the stream's spec names; None where that field is unreadable.
    """

    payload: str
    event_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to ask for next: a stream and scope, from where, up to when.

    `since` is where the re-read overlap begins (the cursor's covered end minus the overlap, or the start of history);
    the closed span ends at `settled_until`; from there to `now` is the open tail, which moves neither cursor nor coverage.
    """

    stream: Stream
    scope: str
    cursor: CursorState | None
    since: datetime
    settled_until: datetime
    now: datetime
    deep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one request brought, parsed and whole.

    `cursor_after` is None where the page moves no cursor (open tail, snapshot). `covered` is the span that is proven complete once this page
    and all before it are committed; None while nothing is proven yet. `done` of `planned` counts requests or records, for progress.
    """

    stream: Stream
    scope: str
    records: tuple[RawRecord, ...]
    cursor_after: CursorState | None = None
    covered: Span | None = None
    ended: str = ""
    done: int = 0
    planned: int = 0
