"""What to ask an exchange for next: pure, from spec, cursors and the time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.spec import ExchangeSpec, StreamSpec
from metrifly_pipeline.domain.streams import CursorState, Stream, Task

FIRST_EXCHANGE_DAY = datetime(2009, 1, 3, tzinfo=UTC)
"""Nothing can have been traded before the first Bitcoin block."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task together with the spec of the stream it asks."""

    stream: StreamSpec
    task: Task


def covered_to(cursor: CursorState | None) -> datetime | None:
    """Up to when the cursor's stream is proven complete; None where nothing is proven yet."""
    value = None if cursor is None else cursor.get("covered_to_us")
    return _EPOCH + timedelta(microseconds=int(value)) if value is not None else None


def asked_to(cursor: CursorState | None) -> datetime | None:
    """Up to when the scope was asked: proven complete, or the exchange said then that it no longer exists; None where it never was."""
    gone_us = None if cursor is None else cursor.get("gone_us")
    return covered_to(cursor) if gone_us is None else _EPOCH + timedelta(microseconds=int(gone_us))


def history_edge(stream: StreamSpec, now: datetime) -> datetime:
    """The oldest instant that can still be asked for."""
    edges = [stream.history_starts or FIRST_EXCHANGE_DAY]
    if stream.retention is not None:
        edges.append(now - stream.retention)
    return max(edges)


def plan_stream(
    spec: ExchangeSpec,
    stream: StreamSpec,
    scopes: Sequence[str],
    cursors: Mapping[tuple[Stream, str], CursorState],
    *,
    now: datetime,
    deeply: Collection[str],
) -> list[Step]:
    """Make one step a scope: from the re-read overlap (or the edge of history) up to now.

    Args:
        spec: The exchange; `settle` says how far the closed span lags now.
        stream: The stream to ask.
        scopes: What it is asked by; markets, categories or everything.
        cursors: Where each scope stopped; a scope without one has never been asked for.
        now: Aware, UTC.
        deeply: Of which scopes the deep overlap is re-read, for records that arrived very late.

    Returns:
        Steps in the order of `scopes`.

    Raises:
        Nothing.
    """
    edge = history_edge(stream, now)
    steps = []
    for scope in scopes:
        cursor = cursors.get((stream.stream, scope))
        done = covered_to(cursor)
        overlap = stream.deep_overlap if scope in deeply else stream.overlap
        since = edge if done is None else max(done - overlap, edge)
        task = Task(
            stream=stream.stream,
            scope=scope,
            cursor=cursor,
            since=since,
            settled_until=now - spec.settle,
            now=now,
            deep=scope in deeply,
        )
        steps.append(Step(stream=stream, task=task))
    return steps


def plan_fixed(
    spec: ExchangeSpec,
    cursors: Mapping[tuple[Stream, str], CursorState],
    denied: frozenset[str],
    *,
    now: datetime,
    deep: bool,
) -> list[Step]:
    """Plan all streams whose scopes are known beforehand, most urgent first.

    What retention would lose first comes first, then the streams of trades, then the rest; snapshots come last, so that a balance
    is as new as the history it is held against. Streams named in `denied` (not permitted to this key) are left out, required ones never.
    """

    def urgency(stream: StreamSpec) -> tuple[bool, timedelta, bool]:
        return (stream.stream is Stream.BALANCES, stream.retention or timedelta.max, stream.stream is not Stream.FILLS)

    wanted = [
        stream for stream in spec.streams if stream.scopes and (stream.required or stream.stream.value not in denied)
    ]
    steps = []
    for stream in sorted(wanted, key=urgency):
        steps += plan_stream(spec, stream, stream.scopes, cursors, now=now, deeply=stream.scopes if deep else ())
    return steps


def discovered_streams(spec: ExchangeSpec) -> tuple[StreamSpec, ...]:
    """Streams asked by symbol, whose symbols must be discovered first."""
    return tuple(stream for stream in spec.streams if not stream.scopes)
