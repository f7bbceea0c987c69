"""ID_BACKWARDS: newest rows first, `after` an id going older, inside a span of time.

New rows only arrive at the newest end, so going older never slips; the open tail comes with the first pages. Cursor while a scan is
under way: `scan_start_us`, `scan_end_us`, `after_id`; `covered_to_us` once a span is proven.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Page, Span, Task
from metrifly_pipeline.exchanges.paging.rows import (
    UNIT_US,
    Ask,
    NewIds,
    Row,
    bounds,
    from_us,
    read_rows,
    records,
    row_numbers,
    scope_params,
    to_us,
)


def pull(spec: StreamSpec, task: Task, ask: Ask) -> Iterator[Page]:
    """Yield what a broken-off scan left, then everything from the overlap to now."""
    driver = _Driver(spec, task, ask)
    since_us = to_us(task.since)
    cursor: Mapping[str, Any] = task.cursor or {}
    if "after_id" in cursor:
        start_us, end_us = int(cursor["scan_start_us"]), int(cursor["scan_end_us"])
        yield from driver.scan(start_us, end_us, int(cursor["after_id"]))
        since_us = max(end_us - int(spec.overlap.total_seconds()) * 1_000_000, start_us)
    yield from driver.scan(since_us, driver.settled_us, None)


class _Driver:
    """The requests of one task."""

    def __init__(self, spec: StreamSpec, task: Task, ask: Ask) -> None:
        self.spec, self.task, self.ask = spec, task, ask
        unit = UNIT_US[spec.param_unit]
        self.settled_us = to_us(task.settled_until) // unit * unit
        covered = (task.cursor or {}).get("covered_to_us")
        self.covered_us = None if covered is None else int(covered)

    def scan(self, start_us: int, end_us: int, after: int | None) -> Iterator[Page]:
        """Go older until a short page; then the span up to `end_us` is proven. A scan from the newest row takes the tail along."""
        upto_us = end_us if after is not None else to_us(self.task.now)
        params = scope_params(self.spec, self.task.scope) | bounds(self.spec, start_us, upto_us)
        ids = NewIds()
        while True:
            asked = params if after is None else params | {self.spec.names["after"]: str(after)}
            rows = read_rows(self.spec, self.ask(asked)).rows
            ids.add(self.spec, rows)
            if len(rows) < self.spec.page_size:
                self.covered_us = max(end_us, self.covered_us or 0)
                cursor: CursorState = {"covered_to_us": self.covered_us}
                covered = Span(from_us(min(start_us, end_us)), from_us(end_us))
                yield self._page(rows, cursor, covered=covered, ended="short page", done=len(ids.seen))
                return
            oldest = min(row_numbers(self.spec, rows))
            after = oldest if after is None else min(after, oldest)
            yield self._page(rows, self._midway(start_us, end_us, after), done=len(ids.seen))

    def _midway(self, start_us: int, end_us: int, after: int) -> CursorState:
        cursor = {"scan_start_us": start_us, "scan_end_us": end_us, "after_id": after}
        return cursor if self.covered_us is None else cursor | {"covered_to_us": self.covered_us}

    def _page(
        self, rows: list[Row] | Any, cursor: CursorState, *, covered: Span | None = None, ended: str = "", done: int = 0
    ) -> Page:
        return Page(
            stream=self.task.stream,
            scope=self.task.scope,
            records=records(self.spec, rows),
            cursor_after=cursor,
            covered=covered,
            ended=ended,
            done=done,
            planned=done,
        )
