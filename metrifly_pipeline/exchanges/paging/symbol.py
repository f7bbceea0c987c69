"""SYMBOL_BY_ID: one scope per symbol, rows at or above an id, ascending; ids only rise, so no time is needed to go on.

Cursor: `last_id` (the newest settled row, -1 for none), `reread_from_id` (behind the last row before the overlap, so that overlap, news and
tail are one request, and a row that is shown late is found between its neighbours), `deep_from_id` (the same for the deep overlap),
`next_id` (only while a scan is under way), `covered_to_us` (once proven), `gone_us` (when the exchange said that it no longer knows the symbol;
it is asked again as any other, and a symbol that comes back is read on from where it stopped).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Page, Span, Task
from metrifly_pipeline.domain.trouble import ExchangeTroubleError
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.paging.rows import (
    Ask,
    NewIds,
    Row,
    from_us,
    read_rows,
    records,
    row_numbers,
    scope_params,
    times,
    to_us,
)

NONE = -1
GONE = "gone"
"""Why a span ends where the exchange no longer knows the symbol."""


def pull(spec: StreamSpec, task: Task, ask: Ask) -> Iterator[Page]:
    """Yield pages from where the cursor stands until a short one proves that there is no more."""
    driver = _Driver(spec, task)
    params = scope_params(spec, task.scope)
    ids = NewIds()
    symbol = spec.names.get("symbol", "")
    while True:
        try:
            answer = ask(params | {spec.names["from_id"]: str(driver.next_id)})
        except ExchangeTroubleError as trouble:
            if trouble.code not in spec.gone:
                raise
            yield driver.gone(len(ids.seen))
            return
        rows = read_rows(spec, answer).rows
        if [row.get(symbol, task.scope) for row in rows].count(task.scope) < len(rows):
            raise errors.unexpected("rows of another symbol")
        numbers = row_numbers(spec, rows)
        ids.take(numbers)
        driver.take(rows, numbers)
        if len(rows) < spec.page_size:
            yield driver.last(rows, len(ids.seen))
            return
        yield driver.midway(rows, len(ids.seen))


class _Driver:
    """Where one task stands in the ids."""

    def __init__(self, spec: StreamSpec, task: Task) -> None:
        self.spec, self.task = spec, task
        self.settled_us = to_us(task.settled_until)
        self.overlap_us = self.settled_us - _micros(spec.overlap.total_seconds())
        self.deep_us = self.settled_us - _micros(spec.deep_overlap.total_seconds())
        cursor: Mapping[str, Any] = task.cursor or {}
        covered = cursor.get("covered_to_us")
        self.covered_us = None if covered is None else int(covered)
        self.last_id = int(cursor.get("last_id", NONE))
        self.reread_id = int(cursor.get("reread_from_id", 0))
        self.deep_id = int(cursor.get("deep_from_id", 0))
        self.next_id = int(cursor.get("next_id", self.deep_id if task.deep else self.reread_id))
        self.event_us: Sequence[int | None] = ()
        """When each row of the page at hand happened."""

    def take(self, rows: Sequence[Row], numbers: Sequence[int]) -> None:
        """Note a page and its ids. A row whose time can't be read counts as settled, and says nothing of where an overlap begins."""
        self.event_us = times(self.spec, rows)
        border = min(self.settled_us, self.overlap_us, self.deep_us)
        known = [micros for micros in self.event_us if micros is not None]
        if len(known) == len(rows) and known and max(known) < border:
            timed: Sequence[tuple[int, int | None]] = [(max(numbers), max(known))]  # one row stands for all of the page
        else:
            timed = list(zip(numbers, self.event_us, strict=True))
        settled = [number for number, micros in timed if micros is None or micros <= self.settled_us]
        self.last_id = max(self.last_id, max(settled, default=NONE))
        self.next_id = self._behind_page(max(numbers, default=NONE))
        self.reread_id = max(self.reread_id, _behind(timed, self.overlap_us))
        self.deep_id = max(self.deep_id, _behind(timed, self.deep_us))

    def _behind_page(self, top: int) -> int:
        """From where the next page is asked: the last id once more, since a trade with oneself is two rows under one; they may lie apart."""
        return top if top > self.next_id else max(self.next_id, top + 1)

    def midway(self, rows: Any, done: int) -> Page:
        """A full page: there may be more."""
        cursor = {"last_id": self.last_id, "next_id": self.next_id} | self._rereads()
        if self.covered_us is not None:
            cursor["covered_to_us"] = self.covered_us
        return self._page(rows, cursor, done=done)

    def last(self, rows: Any, done: int) -> Page:
        """A short page: everything up to `settled_until` is proven."""
        cursor = {"last_id": self.last_id, "covered_to_us": self.settled_us} | self._rereads()
        return self._page(rows, cursor, covered=self._proven(self.settled_us), ended="short page", done=done)

    def gone(self, done: int) -> Page:
        """No such symbol any more: nothing new is proven; what was proven before ends there, and says why."""
        cursor = {"last_id": self.last_id, "gone_us": self.settled_us} | self._rereads()
        if self.covered_us is None:
            return self._page((), cursor, ended=GONE, done=done)
        cursor["covered_to_us"] = self.covered_us
        return self._page((), cursor, covered=self._proven(self.covered_us), ended=GONE, done=done)

    def _proven(self, upto_us: int) -> Span:
        start = self.spec.history_starts or self.task.since
        return Span(min(start, from_us(upto_us)), from_us(upto_us))

    def _rereads(self) -> dict[str, int]:
        return {"reread_from_id": self.reread_id, "deep_from_id": self.deep_id}

    def _page(self, rows: Any, cursor: CursorState, *, covered: Span | None = None, ended: str = "", done: int) -> Page:
        return Page(
            stream=self.task.stream,
            scope=self.task.scope,
            records=records(self.spec, rows, self.event_us),
            cursor_after=cursor,
            covered=covered,
            ended=ended,
            done=done,
            planned=done,
        )


def _behind(timed: Iterable[tuple[int, int | None]], moment_us: int) -> int:
    """The id after the last row that happened before a moment; 0 where there is none."""
    return max((number + 1 for number, micros in timed if micros is not None and micros < moment_us), default=0)


def _micros(seconds: float) -> int:
    return int(seconds) * 1_000_000
