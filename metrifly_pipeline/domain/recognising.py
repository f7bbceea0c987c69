"""Whose records these are: how an exchange account is recognised where the exchange tells no identity. Pure."""

import json
from collections.abc import Sequence
from datetime import datetime

from metrifly_pipeline.domain.planning import history_edge
from metrifly_pipeline.domain.records import KeyFacts
from metrifly_pipeline.domain.spec import ExchangeSpec, StreamSpec
from metrifly_pipeline.domain.streams import RawRecord, Span, Stream

COMPARED = (Stream.FILLS, Stream.LEDGER)
"""What every exchange account that was used has records of."""
MOST_MOMENTS = 20
"""How many records of a stream are compared: the oldest half of them, and the newest."""

Ids = tuple[str, ...]
"""What tells a record of one exchange account from all records of all others."""


def recognisable(spec: ExchangeSpec, facts: KeyFacts) -> tuple[StreamSpec, ...]:
    """Streams whose records have ids of their own, trades first, and that a key may read."""
    found = [
        stream
        for stream in spec.streams
        if stream.stream in COMPARED and stream.id_field and (stream.required or stream.stream not in facts.unreadable)
    ]
    return tuple(sorted(found, key=lambda stream: (not stream.required, COMPARED.index(stream.stream))))


def visible(stream: StreamSpec, now: datetime) -> Span:
    """What of a stream's history an exchange still shows."""
    return Span(history_edge(stream, now), now)


def ids_of(stream: StreamSpec, payload: str) -> Ids | None:
    """The ids in a raw record; None where one is missing."""
    record = json.loads(payload)
    found = [_dig(record, path) for path in (stream.id_field, *stream.owner_fields)]
    return None if None in found else tuple(str(value) for value in found)


def ids_of_all(stream: StreamSpec, records: Sequence[RawRecord]) -> set[Ids]:
    """The ids of records, without those that have none."""
    return {ids for record in records if (ids := ids_of(stream, record.payload)) is not None}


def first_and_last(records: Sequence[RawRecord]) -> Sequence[RawRecord]:
    """At most `MOST_MOMENTS` of them: the oldest, and the newest; records without a time say nothing here."""
    timed = [(record.event_at, place) for place, record in enumerate(records) if record.event_at is not None]
    ordered = [records[place] for _, place in sorted(timed)]
    if len(ordered) <= MOST_MOMENTS:
        return ordered
    half = MOST_MOMENTS // 2
    return [*ordered[:half], *ordered[-half:]]


def _dig(record: object, path: str) -> object:
    for step in path.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    return record
