"""HALVED_WINDOW: the endpoint knows nothing but a span of time and a page size; a span that comes back full is halved until it isn't."""

from collections.abc import Iterator

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Page, Span, Task
from metrifly_pipeline.exchanges import errors
from metrifly_pipeline.exchanges.paging.rows import (
    UNIT_US,
    Answer,
    Ask,
    bounds,
    dig,
    from_us,
    read_rows,
    records,
    scope_params,
    to_us,
)

_TRUE = (True, 1, "1", "true", "True")


def pull(spec: StreamSpec, task: Task, ask: Ask) -> Iterator[Page]:
    """Yield one request's page where overlap, window and tail fit it; else step forward through closed spans, then the tail."""
    driver = _Driver(spec, task, ask)
    since = driver.units(to_us(task.since))
    settled = driver.units(to_us(task.settled_until))
    now = driver.units_up(to_us(task.now))
    if driver.covered is not None:
        since = min(since, driver.covered)
        if driver.longest is None or now - since <= driver.longest:
            answer = driver.request(since, now)
            if not driver.full(answer):
                yield driver.page(answer, covered=(since, settled), done=1, planned=1)
                return
    yield from driver.step_through(since, settled)
    yield from driver.tail(max(settled + driver.apart, since), now)


class _Driver:
    """The requests of one task; times are whole units of the endpoint's parameters."""

    def __init__(self, spec: StreamSpec, task: Task, ask: Ask) -> None:
        self.spec, self.task, self.ask = spec, task, ask
        self.unit_us = UNIT_US[spec.param_unit]
        window = spec.window
        self.longest = None if window is None else int(window.total_seconds()) * 1_000_000 // self.unit_us
        covered = (task.cursor or {}).get("covered_to_us")
        self.covered = None if covered is None else int(covered) // self.unit_us
        # Spans touch: both hold the boundary. Records without an id couldn't be told apart there, so theirs lie side by side.
        self.apart = 0 if spec.id_field else 1
        # In units coarser than a millisecond, records lie between two instants: [a, a] would leave those after a out.
        self.smallest = 0 if self.unit_us <= UNIT_US["ms"] else 1

    def units(self, micros: int) -> int:
        """Whole units, rounded down."""
        return micros // self.unit_us

    def units_up(self, micros: int) -> int:
        """Whole units, rounded up."""
        return -(-micros // self.unit_us)

    def request(self, start: int, end: int) -> Answer:
        """Ask one closed span."""
        asked = bounds(self.spec, start * self.unit_us, end * self.unit_us)
        return read_rows(self.spec, self.ask(scope_params(self.spec, self.task.scope) | asked))

    def full(self, answer: Answer) -> bool:
        """Whether the span may hold more than the answer shows."""
        more = dig(answer.body, self.spec.names["more"]) if "more" in self.spec.names else None
        return more in _TRUE if more is not None else len(answer.rows) >= self.spec.page_size

    def step_through(self, since: int, settled: int) -> Iterator[Page]:
        """Closed spans one after the other up to `settled`, the cursor behind each."""
        start, size, spans = since, self._size(settled - since), 0
        while start <= settled:
            end = min(start + size, settled)
            answer, end = self._halve(start, end)
            spans += 1
            left = -(-(settled - end) // max(size, 1))
            yield self.page(answer, covered=(max(start - self.apart, since), end), done=spans, planned=spans + left)
            size = self._size(max(end - start, 1) * 2)
            if end >= settled:
                return
            start = end + self.apart if end > start else end + 1

    def tail(self, start: int, now: int) -> Iterator[Page]:
        """What isn't settled yet, moving nothing."""
        while start < now:
            answer, end = self._halve(start, min(start + self._size(now - start), now))
            yield self.page(answer)
            start = end + self.apart if end > start else end + 1

    def _halve(self, start: int, end: int) -> tuple[Answer, int]:
        while True:
            answer = self.request(start, end)
            if not self.full(answer):
                return answer, end
            if end - start <= self.smallest:
                raise errors.unexpected("more records in one instant than one answer can hold")
            end = start + (end - start) // 2

    def _size(self, wanted: int) -> int:
        return wanted if self.longest is None else min(wanted, self.longest)

    def page(self, answer: Answer, *, covered: tuple[int, int] | None = None, done: int = 0, planned: int = 0) -> Page:
        """A page; with `covered` (in units) it proves that span and moves the cursor to its end."""
        cursor: CursorState | None = None
        span: Span | None = None
        if covered is not None:
            start_us, end_us = (edge * self.unit_us for edge in covered)
            self.covered = max(covered[1], self.covered or 0)
            cursor = {"covered_to_us": self.covered * self.unit_us}
            span = Span(from_us(min(start_us, end_us)), from_us(end_us))
        return Page(
            stream=self.task.stream,
            scope=self.task.scope,
            records=records(self.spec, answer.rows),
            cursor_after=cursor,
            covered=span,
            ended="" if span is None else "not full",
            done=done,
            planned=planned,
        )
