"""OFFSET_IN_WINDOW: rows are skipped by an offset inside a closed span, and the answer tells how many the span holds."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Page, Span, Task
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.paging.rows import (
    UNIT_US,
    Answer,
    Ask,
    NewIds,
    bounds,
    dig,
    from_us,
    read_rows,
    records,
    scope_params,
    to_us,
)

MOST_SCANS = 3
"""How often a span is read again because its total changed meanwhile (late records) before that is an error."""


@dataclass(slots=True)
class _Scan:
    """One reading of a closed span, newest rows first, from `offset` on."""

    start_us: int
    end_us: int
    offset: int = 0
    total: int | None = None
    known: int = 0
    """Distinct rows committed before this reading began (a scan that goes on)."""
    ids: NewIds = field(default_factory=NewIds)


def pull(spec: StreamSpec, task: Task, ask: Ask) -> Iterator[Page]:
    """Yield the pages of one task: what a broken-off scan left, then one request if that is enough, else scan and tail."""
    driver = _Driver(spec, task, ask)
    since_us = to_us(task.since)
    cursor: Mapping[str, Any] = task.cursor or {}
    if "scan_start_us" in cursor:
        scan = _resume(spec, cursor)
        yield from driver.scan(scan)
        since_us = max(scan.end_us - int(spec.overlap.total_seconds()) * 1_000_000, scan.start_us)
        if scan.end_us >= driver.settled_us:
            yield from driver.tail(scan.end_us)
            return
    if driver.covered_us is not None:
        page, complete = driver.at_once(since_us)
        yield page
        if complete:
            return
    yield from driver.scan(_Scan(start_us=since_us, end_us=driver.settled_us))
    yield from driver.tail(driver.settled_us)


def _resume(spec: StreamSpec, cursor: Mapping[str, Any]) -> _Scan:
    """Go on one page before where the scan stopped, so that a page that slipped shows as one that repeats."""
    offset = max(int(cursor["ofs"]) - spec.page_size, 0)
    return _Scan(
        start_us=int(cursor["scan_start_us"]),
        end_us=int(cursor["scan_end_us"]),
        offset=offset,
        total=int(cursor["total"]),
        known=offset,
    )


class _Driver:
    """The requests of one task."""

    def __init__(self, spec: StreamSpec, task: Task, ask: Ask) -> None:
        self.spec, self.task, self.ask = spec, task, ask
        unit = UNIT_US[spec.param_unit]
        self.settled_us = to_us(task.settled_until) // unit * unit
        covered = (task.cursor or {}).get("covered_to_us")
        self.covered_us = None if covered is None else int(covered)

    def at_once(self, since_us: int) -> tuple[Page, bool]:
        """Overlap, window and tail in one request; complete where all of it fits one page."""
        answer, total = self._request(since_us, to_us(self.task.now), 0)
        if len(answer.rows) < total:
            return self._page(answer), False
        covered = Span(from_us(since_us), from_us(self.settled_us))
        cursor: CursorState = {"covered_to_us": self.settled_us}
        return self._page(answer, cursor=cursor, covered=covered, ended="total", done=total, planned=total), True

    def scan(self, scan: _Scan) -> Iterator[Page]:
        """Read the closed span to its end; from the start again where its total changed or rows slipped past."""
        for _ in range(MOST_SCANS):
            whole = yield from self._read(scan)
            if whole:
                return
            scan.offset, scan.total, scan.known, scan.ids = 0, None, 0, NewIds()
        raise errors.unexpected("the total of a closed span keeps changing")

    def _read(self, scan: _Scan) -> Generator[Page, None, bool]:
        while True:
            answer, total = self._request(scan.start_us, scan.end_us, scan.offset)
            if scan.total is not None and total != scan.total:
                return False
            scan.total = total
            scan.ids.add(self.spec, answer.rows)
            scan.offset += len(answer.rows)
            if scan.offset >= total or not answer.rows:
                whole = scan.known + len(scan.ids.seen) == total
                yield self._last(scan, answer, total) if whole else self._page(answer)
                return whole
            yield self._page(answer, cursor=self._midway(scan), done=scan.offset, planned=total)

    def tail(self, from_: int) -> Iterator[Page]:
        """Read what isn't settled yet, without moving anything; pages may shift under it, the next sync reads it again."""
        offset, ids = 0, NewIds()
        while True:
            answer, total = self._request(from_, to_us(self.task.now), offset)
            ids.add(self.spec, answer.rows)
            offset += len(answer.rows)
            yield self._page(answer)
            if offset >= total or not answer.rows:
                return

    def _request(self, start_us: int, end_us: int, offset: int) -> tuple[Answer, int]:
        params: dict[str, Any] = scope_params(self.spec, self.task.scope) | bounds(self.spec, start_us, end_us)
        if offset:
            params[self.spec.names["offset"]] = str(offset)
        answer = read_rows(self.spec, self.ask(params))
        try:
            return answer, int(dig(answer.body, self.spec.names["total"]))
        except (TypeError, ValueError):
            raise errors.unexpected("the answer tells no total") from None

    def _midway(self, scan: _Scan) -> CursorState:
        cursor: dict[str, int] = {
            "scan_start_us": scan.start_us,
            "scan_end_us": scan.end_us,
            "ofs": scan.offset,
            "total": scan.total or 0,
        }
        return cursor if self.covered_us is None else cursor | {"covered_to_us": self.covered_us}

    def _last(self, scan: _Scan, answer: Answer, total: int) -> Page:
        covered_us = max(scan.end_us, self.covered_us or 0)
        span = Span(from_us(scan.start_us), from_us(scan.end_us))
        return self._page(
            answer, cursor={"covered_to_us": covered_us}, covered=span, ended="total", done=total, planned=total
        )

    def _page(
        self,
        answer: Answer,
        *,
        cursor: CursorState | None = None,
        covered: Span | None = None,
        ended: str = "",
        done: int = 0,
        planned: int = 0,
    ) -> Page:
        return Page(
            stream=self.task.stream,
            scope=self.task.scope,
            records=records(self.spec, answer.rows),
            cursor_after=cursor,
            covered=covered,
            ended=ended,
            done=done,
            planned=planned,
        )
