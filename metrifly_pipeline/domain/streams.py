"""What is asked of an exchange: streams, scopes, spans of time, and the pages that come back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import overload

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
    """The paging families; `exchanges/paging/` holds one driver for each."""

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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at_us(micros: int | None) -> datetime | None:
    """The moment of microseconds since 1970; None stays None."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def us_of(moment: datetime | None) -> int | None:
    """Microseconds since 1970, exactly; None stays None."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Records(Sequence[RawRecord]):
    """A page's records in columns, for histories of many: a thousand are two lists, not a thousand objects. Reads like a tuple of them."""

    payloads: Sequence[str]
    event_us: Sequence[int | None]
    """Microseconds since 1970 of each; None where its time can't be read."""

    @classmethod
    def of(cls, records: Sequence[RawRecord]) -> "Records":
        """Columns of records, whichever way they came."""
        if isinstance(records, cls):
            return records
        return cls([record.payload for record in records], [us_of(record.event_at) for record in records])

    def __len__(self) -> int:
        """How many."""
        return len(self.payloads)

    def __iter__(self) -> Iterator[RawRecord]:
        """One after the other."""
        for payload, micros in zip(self.payloads, self.event_us, strict=True):
            yield RawRecord(payload=payload, event_at=at_us(micros))

    @overload
    def __getitem__(self, place: int) -> RawRecord: ...
    @overload
    def __getitem__(self, place: slice) -> "Records": ...
    def __getitem__(self, place: int | slice) -> "RawRecord | Records":
        """One record, or some."""
        if isinstance(place, slice):
            return Records(self.payloads[place], self.event_us[place])
        return RawRecord(payload=self.payloads[place], event_at=at_us(self.event_us[place]))


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
    records: Sequence[RawRecord]
    cursor_after: CursorState | None = None
    covered: Span | None = None
    ended: str = ""
    done: int = 0
    planned: int = 0
