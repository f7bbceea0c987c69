"""A few records of a span, the oldest ones where they can be asked for: what an exchange account is recognised by."""

from collections.abc import Sequence
from datetime import timedelta

from metrifly_pipeline.domain.spec import StreamSpec
from metrifly_pipeline.domain.streams import Paging, RawRecord, Span
from metrifly_pipeline.exchanges.paging.rows import Ask, Row, bounds, dig, read_rows, records, scope_params, to_us

FIRST_STEP = timedelta(days=1)
MOST_STEPS = 12
"""Requests that looking for the oldest rows may take; what was found until then is near them."""


def glimpse(spec: StreamSpec, scope: str, span: Span, ask: Ask) -> Sequence[RawRecord]:
    """Read the newest records of a span, and its oldest.

    A symbol is read from its first record on, whatever the span. Where rows come newest first and no page can be jumped to, the oldest
    are looked for from the span's start.

    Args:
        spec: The stream; what has no history gives nothing.
        scope: What it is asked by.
        span: Not longer than the stream's window, where it has one.
        ask: Sends one request of this stream.

    Raises:
        ExchangeTroubleError: As from any request.
    """
    if spec.paging is Paging.SNAPSHOT:
        return ()
    params = scope_params(spec, scope)
    if spec.paging is Paging.SYMBOL_BY_ID:
        return records(spec, read_rows(spec, ask(params | {spec.names["from_id"]: "0"})).rows)
    newest = read_rows(spec, ask(params | _within(spec, span)))
    rows: list[Row] = list(newest.rows)
    if spec.paging is Paging.OFFSET_IN_WINDOW:
        skipped = int(dig(newest.body, spec.names["total"]) or 0) - spec.page_size
        if skipped > 0:
            oldest = ask(params | _within(spec, span) | {spec.names["offset"]: str(skipped)})
            rows += read_rows(spec, oldest).rows
    elif spec.paging is Paging.ID_BACKWARDS and len(rows) >= spec.page_size:
        rows += _from_the_edge(spec, scope, span, ask)
    return records(spec, rows)


def _from_the_edge(spec: StreamSpec, scope: str, span: Span, ask: Ask) -> Sequence[Row]:
    """The first rows of a span that holds more than a page: it is halved or doubled until what it holds is some, and fits one."""
    empty, held, step = timedelta(), span.end - span.start, FIRST_STEP
    found: Sequence[Row] = ()
    for _ in range(MOST_STEPS):
        if step >= held:
            break
        params = scope_params(spec, scope) | _within(spec, Span(span.start, span.start + step))
        rows = read_rows(spec, ask(params)).rows
        if rows:
            found, held = rows, step
            if len(rows) < spec.page_size:
                break
            step = (empty + held) / 2
        else:
            empty, step = step, min(step * 2, (step + held) / 2)
    return found


def _within(spec: StreamSpec, span: Span) -> dict[str, str]:
    return bounds(spec, to_us(span.start), to_us(span.end))
