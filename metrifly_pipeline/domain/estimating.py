"""How far a first import is and how long it still takes at the exchange's real limits. Pure; what can't be known is not guessed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from metrifly_pipeline.domain.planning import history_edge
from metrifly_pipeline.domain.spec import ExchangeSpec, StreamSpec
from metrifly_pipeline.domain.status import ScopeProgress
from metrifly_pipeline.domain.streams import CursorState, Paging, Stream

ANSWER_SECONDS = 0.1
"""A real exchange takes this long to answer, also where its limits would let us ask faster."""
MOST_SHOWN = 99
"""An import that has not ended is never shown as whole."""


class StreamStatus(StrEnum):
    """What a stream is doing, in one word."""

    NOT_PERMITTED = "not_permitted"
    WAITING = "waiting"
    IMPORTING = "importing"
    UP_TO_DATE = "up_to_date"
    SYNCING = "syncing"
    DELAYED = "delayed"
    NEEDS_ATTENTION = "needs_attention"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Requests of one stream, as far as they can be counted, and the seconds that each takes."""

    stream: Stream
    done: int
    left: int
    known: bool
    """Whether `left` is all that is left."""
    pace: float

    @property
    def seconds_left(self) -> float:
        """What is left, at this pace."""
        return self.left * self.pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far something is; None where that can't be known yet."""

    percent: int | None = None
    left: timedelta | None = None

    @property
    def text(self) -> str:
        """In words; empty where nothing is known."""
        shown = [] if self.percent is None else [f"{self.percent}%"]
        return ", ".join([*shown, *([] if self.left is None else [time_left(self.left)])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms an exchange is asked: how many imports share a limit of our address, and what a local one's limits are multiplied by."""

    sharers: int = 1
    scale: float = 1.0
    is_local: bool = False


def work_of(
    spec: ExchangeSpec,
    scopes: Iterable[ScopeProgress],
    denied: frozenset[str],
    *,
    symbols: int,
    terms: Terms,
    now: datetime,
) -> list[Work]:
    """The work of a first import, stream by stream.

    Args:
        spec: The exchange.
        scopes: What is stored of each stream and scope; one that was never asked may be missing.
        denied: Streams that the key may not read.
        symbols: How many symbols must be asked where they are discovered; 0 where the list is not there yet.
        terms: What the exchange lets us ask.
        now: Aware UTC.

    Returns:
        One `Work` a stream spec, in the spec's order.
    """
    stored = {(scope.stream, scope.scope): scope for scope in scopes}
    found = []
    for stream in spec.streams:
        if not stream.required and stream.stream.value in denied:
            continue
        if stream.scopes:
            parts = [_part(stream, stored.get((stream.stream, scope)), now) for scope in stream.scopes]
        else:
            parts = [_symbols([scope for scope in stored.values() if scope.stream is stream.stream], symbols)]
        found.append(
            Work(
                stream=stream.stream,
                done=sum(done for done, _, _ in parts),
                left=sum(left for _, left, _ in parts),
                known=all(known for _, _, known in parts),
                pace=_pace(spec, stream, terms),
            )
        )
    return found


def progress_of(works: Sequence[Work]) -> Progress:
    """How far these are together, weighted by the time that requests take."""
    if not all(work.known for work in works):
        return Progress()
    left = sum(work.seconds_left for work in works)
    done = sum(work.done * work.pace for work in works)
    percent = MOST_SHOWN if left <= 0 else min(int(round(100 * done / (done + left), 6)), MOST_SHOWN)
    return Progress(percent=percent, left=timedelta(seconds=left))


def status_of(works: Sequence[Work]) -> StreamStatus:
    """What one stream of a first import is doing."""
    if all(work.known and not work.left for work in works):
        return StreamStatus.UP_TO_DATE
    return StreamStatus.IMPORTING if any(work.done for work in works) else StreamStatus.WAITING


def time_left(left: timedelta) -> str:
    """In words that promise no more than an estimate can."""
    minutes = left / timedelta(minutes=1)
    if minutes < _SHORT_MINUTES:
        return "less than 2 min left"
    if minutes < _LONG_MINUTES:
        return f"about {round(minutes)} min left"
    hours = minutes / 60
    return f"about {round(hours)} h left" if hours < _LONG_HOURS else f"about {round(hours / 24)} days left"


_SHORT_MINUTES, _LONG_MINUTES, _LONG_HOURS = 2, 90, 36

_Part = tuple[int, int, bool]
"""Requests done, requests left, and whether those are all."""


def _part(stream: StreamSpec, scope: ScopeProgress | None, now: datetime) -> _Part:
    """One scope of a stream whose scopes are known beforehand."""
    state: CursorState = (scope.state if scope else None) or {}
    done, planned = (scope.done, scope.planned) if scope else (0, 0)
    if stream.paging is Paging.SNAPSHOT:
        return (1, 0, True) if state else (0, 1, True)
    if stream.paging is Paging.OFFSET_IN_WINDOW:
        return _by_offset(stream, state, done, planned)
    if stream.paging is Paging.HALVED_WINDOW:
        return _by_windows(stream, state, done, planned, now)
    whole = "covered_to_us" in state and "after_id" not in state
    return (1, 0, True) if whole else (1 if state else 0, 1, False)  # how far back the ids go nobody tells


def _by_offset(stream: StreamSpec, state: CursorState, done: int, planned: int) -> _Part:
    """The exchange tells how many records there are; whole pages of them."""
    if "covered_to_us" in state and "scan_start_us" not in state:
        return max(-(-planned // stream.page_size), 1), 0, True
    if not planned:
        return 0, 1, False
    left = max(-(-(planned - done) // stream.page_size), 1)
    return done // stream.page_size, left, True


def _by_windows(stream: StreamSpec, state: CursorState, done: int, planned: int, now: datetime) -> _Part:
    """Windows from the first day that can be asked to now; where the exchange has none, nobody knows before the first answer."""
    whole = 1 if stream.window is None else -(-(now - history_edge(stream, now)) // stream.window)
    if not state:
        return 0, whole, stream.window is not None
    left = max(planned - done, 0)
    return max(whole - left, done), left, True


def _symbols(scopes: Sequence[ScopeProgress], symbols: int) -> _Part:
    """One request a symbol; of one that has more than a page nobody knows how many follow."""
    states = [scope.state for scope in scopes if scope.state and not scope.scope.startswith("_")]
    asked = sum("covered_to_us" in state or "gone_us" in state for state in states)
    midway = any("next_id" in state for state in states)
    return asked, max(symbols - asked, 0), bool(symbols) and not midway


def _pace(spec: ExchangeSpec, stream: StreamSpec, terms: Terms) -> float:
    endpoint = next(each for each in spec.endpoints if each.method == stream.endpoint)
    limit = spec.limits[endpoint.bucket]
    sharers = terms.sharers if limit.shared_by == "ip" else 1
    seconds = endpoint.weight * sharers / (limit.per_second * terms.scale)
    return seconds if terms.is_local else max(seconds, ANSWER_SECONDS)
