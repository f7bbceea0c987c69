"""Coverage as few spans as possible. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from metrifly_pipeline.domain.streams import Span

_NEXT = timedelta(microseconds=1)
"""Between two moments this far apart nothing can lie: times are whole microseconds."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A span proven complete, and why it ended where it did (empty where nothing is to be said)."""

    span: Span
    ended: str


def add_span(proven: Iterable[Proven], new: Proven) -> list[Proven]:
    """Join a span to those that it overlaps or touches.

    Args:
        proven: Spans of one stream and scope, none touching another.
        new: The span to add; its `ended` stands for the joined span, unless it says nothing.

    Returns:
        Spans that cover the same moments, none touching another, oldest first.
    """
    apart: list[Proven] = []
    start, end, ended = new.span.start, new.span.end, new.ended
    for old in sorted(proven, key=lambda each: each.span):
        if old.span.start - _NEXT <= new.span.end and new.span.start - _NEXT <= old.span.end:
            start, end, ended = min(start, old.span.start), max(end, old.span.end), ended or old.ended
        else:
            apart.append(old)
    return sorted([*apart, Proven(Span(start, end), ended)], key=lambda each: each.span)
