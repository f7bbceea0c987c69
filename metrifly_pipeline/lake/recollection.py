"""What was landed at a moment, and what was landed first: the questions by which an exchange account is recognised."""
# ruff: noqa: S608 - names and texts go into SQL through `literal` and `listed` only

from collections.abc import Sequence
from datetime import datetime

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.recalled import FirstRaw, LandedStream
from metrifly_pipeline.domain.streams import Span, Stream
from metrifly_pipeline.lake.engine import Engine
from metrifly_pipeline.lake.stored_table import FileFacts, may_hold_span
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import RAW_RECORDS, listed, literal


class Recollection:
    """Asks the newest version of the raw records, in as few files as Delta's statistics leave; not for several threads at once."""

    def __init__(self, tables: TableSet, engine: Engine) -> None:
        self._tables = tables
        self._engine = engine

    def raw_at(
        self, stream: Stream, scope: str, moments: Sequence[datetime], among: Sequence[ConnectionId]
    ) -> list[tuple[ConnectionId, str]]:
        """(connection, payload) of what these connections landed of a stream and scope at exactly these moments."""
        if not moments or not self._show(stream, among, moments):
            return []
        at = ", ".join(literal(moment.isoformat()) for moment in moments)
        rows = self._engine.rows(
            f"SELECT connection_id, payload FROM recalled WHERE scope = {literal(scope)}"
            f" AND event_at IN (SELECT unnest([{at}])::TIMESTAMPTZ)"
        )
        return [(ConnectionId(connection), payload) for connection, payload in rows]

    def first_raw(self, connection: ConnectionId, stream: Stream, scopes: Sequence[str], span: Span) -> FirstRaw | None:
        """The oldest record inside a span; payloads are only read where it may stand."""
        if span.start > span.end or not self._show(stream, [connection]):
            return None
        inside = f"event_at BETWEEN {literal(span.start.isoformat())} AND {literal(span.end.isoformat())}"
        where = f"{inside} AND scope IN ({listed(scopes)})" if scopes else inside
        ((oldest,),) = self._engine.rows(f"SELECT min(event_at) FROM recalled WHERE {where}")
        if oldest is None:
            return None
        ((scope, payload),) = self._engine.rows(
            f"SELECT scope, payload FROM recalled WHERE {where} AND event_at = {literal(oldest.isoformat())}"
            " ORDER BY scope, seq LIMIT 1"
        )
        return FirstRaw(scope=scope, event_at=oldest, payload=payload)

    def busiest_scopes(self, stream: Stream, among: Sequence[ConnectionId], limit: int) -> list[str]:
        """In which scopes most of these connections have records of a stream."""
        if not self._show(stream, among):
            return []
        rows = self._engine.rows(
            "SELECT scope FROM recalled GROUP BY scope"
            f" ORDER BY count(DISTINCT connection_id) DESC, count(*) DESC, scope LIMIT {limit:d}"
        )
        return [scope for (scope,) in rows]

    def landed_streams(self, connection: ConnectionId) -> list[LandedStream]:
        """What landed of each stream of a connection."""
        if not self._show(None, [connection]):
            return []
        rows = self._engine.rows(
            "SELECT stream, count(DISTINCT (scope, payload_hash, rank)), min(event_at), max(event_at)"
            " FROM recalled GROUP BY stream ORDER BY stream"
        )
        return [
            LandedStream(stream=name, records=many, first_at=first, last_at=last) for name, many, first, last in rows
        ]

    def _show(self, stream: Stream | None, among: Sequence[ConnectionId], moments: Sequence[datetime] = ()) -> bool:
        """Make the view `recalled` of one stream (of all for None) of some connections; whether there may be anything in it."""
        self._tables.reload([RAW_RECORDS.name])
        files = [file.path for file in self._tables.raw.files() if _may_hold(file, stream, among, moments)]
        if files:
            self._engine.view_files("recalled_files", files, RAW_RECORDS.empty_select())
            of_stream = "" if stream is None else f" AND stream = {literal(stream)}"
            self._engine.run(
                "CREATE OR REPLACE TEMP VIEW recalled AS SELECT * FROM recalled_files"
                f" WHERE connection_id IN ({listed(among)}){of_stream}"
            )
        return bool(files)


def _may_hold(
    file: FileFacts, stream: Stream | None, among: Sequence[ConnectionId], moments: Sequence[datetime]
) -> bool:
    """By connection, stream and time; a file that Delta knows nothing of may hold anything."""
    return (
        (stream is None or file.may_hold("stream", stream.value, stream.value))
        and file.may_hold_any("connection_id", among)
        and (not moments or any(may_hold_span(file, "event_at", moment, moment) for moment in moments))
    )
