"""Cursors, coverage and progress: what committed pages move, and where the next sync goes on."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, and_, case, delete, exists, func, or_, select, type_coerce, update
from sqlalchemy import Connection as Database

from metrifly_pipeline.control.columns import Instant
from metrifly_pipeline.control.leases import lock_connections, unexpired_tokens
from metrifly_pipeline.control.rows import lock_connection
from metrifly_pipeline.control.spans import Proven, add_span
from metrifly_pipeline.control.tables import connections, coverage, cursors, streams
from metrifly_pipeline.control.transactions import Transactions
from metrifly_pipeline.control.upserts import upsert
from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.ports import Advance, CursorMove
from metrifly_pipeline.domain.status import CoverageRow, ScopeProgress, StreamState
from metrifly_pipeline.domain.streams import CursorState, Span, Stream

_Where = tuple[str, str, str]
"""Connection, stream and scope."""


@dataclass(frozen=True, slots=True)
class _Move:
    """One page's move, and whose it is."""

    connection: ConnectionId
    move: CursorMove

    @property
    def where(self) -> _Where:
        return self.connection, self.move.stream.value, self.move.scope


_PROVEN = (
    coverage.c.connection,
    coverage.c.stream,
    coverage.c.scope,
    coverage.c.span_start,
    coverage.c.span_end,
    coverage.c.ended,
)
"""Read by place, not by name: a connection may have hundreds."""
_OTHERS = coverage.alias("others")
_HAS_OTHERS = exists().where(
    *(_OTHERS.c[name] == coverage.c[name] for name in ("connection", "stream", "scope")),
    _OTHERS.c.span_start != coverage.c.span_start,
)
_AS_ROWS = select(
    *(type_coerce(column, BigInteger) if isinstance(column.type, Instant) else column for column in _PROVEN)
).order_by(*_PROVEN[:4])


class Progress(Transactions):
    """The store's methods for cursors, coverage and the state of streams."""

    def cursors(self, connection: ConnectionId) -> Mapping[tuple[Stream, str], CursorState]:
        """Where each stream and scope stopped."""
        query = select(cursors).where(cursors.c.connection == connection, cursors.c.state.is_not(None))
        with self._reading() as db:
            rows = db.execute(query).mappings().all()
        return {(Stream(row["stream"]), row["scope"]): cast("CursorState", json.loads(row["state"])) for row in rows}

    def scope_progress(self, connection: ConnectionId) -> Sequence[ScopeProgress]:
        """How far each stream and scope has come."""
        with self._reading() as db:
            rows = db.execute(select(cursors).where(cursors.c.connection == connection)).mappings().all()
        return [
            ScopeProgress(
                stream=Stream(row["stream"]),
                scope=row["scope"],
                state=None if row["state"] is None else cast("CursorState", json.loads(row["state"])),
                done=row["done"],
                planned=row["planned"],
            )
            for row in rows
        ]

    def coverage(
        self, connection: ConnectionId | None = None, *, single_spans_of: Collection[str] | None = None
    ) -> Sequence[CoverageRow]:
        """Proven spans, oldest first within their stream and scope; see the port."""
        query = select(*_PROVEN).order_by(*_PROVEN[:4])
        if connection is not None:
            query = query.where(coverage.c.connection == connection)
        if single_spans_of is not None:
            query = query.where(or_(coverage.c.stream.in_(single_spans_of), _HAS_OTHERS))
        with self._reading() as db:
            return [
                CoverageRow(connection=owner, stream=stream, scope=scope, span=Span(start, end), ended=ended)
                for owner, stream, scope, start, end, ended in db.execute(query)
            ]

    def coverage_rows(self) -> Sequence[Sequence[object]]:
        """The same of all connections as rows of a table, times in microseconds since 1970; see the port."""
        with self._reading() as db:
            return db.execute(_AS_ROWS).all()

    def advance(self, advances: Sequence[Advance], now: datetime) -> set[ConnectionId]:
        """Move cursors, coverage and progress, each guarded by its lease; returns connections whose lease is lost (unmoved)."""
        wanted = {each.lease.connection for each in advances}
        with self._writing() as db:
            lock_connections(db, wanted)
            newest = unexpired_tokens(db, wanted, now)
            # A connection's lease may stand here twice, once overtaken: the token of each advance is looked at by itself.
            held = [each for each in advances if newest.get(each.lease.connection) == each.lease.token]
            moves = [_Move(each.lease.connection, move) for each in held for move in each.moves]
            _move_cursors(db, moves)
            _extend_coverage(db, moves)
            _note_success(db, moves, now)
            _show_landed(db, {each.lease.connection for each in held if each.landed})
            _show_progress(db, {each.connection for each in moves if each.move.planned})
        return wanted - {each.lease.connection for each in held}

    def stream_states(self, connection: ConnectionId | None = None) -> Sequence[StreamState]:
        """The state of each stream, for people."""
        totals = _totals().subquery()
        same = and_(totals.c.connection == streams.c.connection, totals.c.stream == streams.c.stream)
        query = (
            select(
                streams.c.connection,
                streams.c.stream,
                streams.c.permitted,
                streams.c.last_success_at,
                totals.c.done,
                totals.c.planned,
            )
            .select_from(streams.outerjoin(totals, same))
            .order_by(streams.c.connection, streams.c.stream)
        )
        if connection is not None:
            query = query.where(streams.c.connection == connection)
        with self._reading() as db:
            return [
                StreamState(
                    connection=owner,
                    stream=stream,
                    permitted=permitted,
                    last_success_at=last_success_at,
                    done=int(done or 0),
                    planned=int(planned or 0),
                )
                for owner, stream, permitted, last_success_at, done, planned in db.execute(query)
            ]

    def set_stream_permission(self, connection: ConnectionId, permitted: Mapping[str, bool], now: datetime) -> None:  # noqa: ARG002 - the contract names a time in every writing method
        """What the key may read, by stream."""
        rows = [{"connection": connection, "stream": name, "permitted": may} for name, may in permitted.items()]
        with self._writing() as db:
            lock_connection(db, connection)
            upsert(db, streams, rows, lambda new: {"permitted": new.excluded.permitted})


def _totals() -> Any:
    planned = func.sum(cursors.c.planned).label("planned")
    done = func.sum(cursors.c.done).label("done")
    return select(cursors.c.connection, cursors.c.stream, done, planned).group_by(
        cursors.c.connection, cursors.c.stream
    )


def _note_success(db: Database, moves: Sequence[_Move], now: datetime) -> None:
    """When a stream was read to where it stood."""
    good = {(each.connection, each.move.stream) for each in moves if each.move.covered is not None or each.move.ended}
    rows = [
        {
            "connection": connection,
            "stream": stream.value,
            "permitted": True,
            "last_success_at": now if (connection, stream) in good else None,
        }
        for connection, stream in sorted({(each.connection, each.move.stream) for each in moves})
    ]
    upsert(
        db,
        streams,
        rows,
        lambda new: {"last_success_at": func.coalesce(new.excluded.last_success_at, streams.c.last_success_at)},
    )


def _move_cursors(db: Database, moves: Sequence[_Move]) -> None:
    # Several pages of one scope are one row: the last cursor named and the last progress named.
    rows: dict[_Where, dict[str, Any]] = {}
    for each in moves:
        names = ("connection", "stream", "scope")
        row = rows.setdefault(
            each.where, dict(zip(names, each.where, strict=True)) | {"state": None, "done": 0, "planned": 0}
        )
        move = each.move
        if move.cursor is not None:
            row["state"] = json.dumps(dict(move.cursor), sort_keys=True, separators=(",", ":"))
        if move.planned:
            row |= {"done": move.done, "planned": move.planned}
    upsert(
        db,
        cursors,
        [row for row in rows.values() if row["state"] is not None or row["planned"]],
        lambda new: {
            "state": func.coalesce(new.excluded.state, cursors.c.state),
            "done": case((new.excluded.planned > 0, new.excluded.done), else_=cursors.c.done),
            "planned": case((new.excluded.planned > 0, new.excluded.planned), else_=cursors.c.planned),
        },
    )


def _extend_coverage(db: Database, moves: Sequence[_Move]) -> None:
    new: dict[_Where, list[Proven]] = {}
    for each in moves:
        if each.move.covered is not None:
            new.setdefault(each.where, []).append(Proven(each.move.covered, each.move.ended))
    if not new:
        return
    before = _proven(db, new)
    gone: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for where, spans in new.items():
        old = before.get(where, [])
        joined = old
        for span in spans:
            joined = add_span(joined, span)
        # A span that only grew at its end, as most do, is one update of its row.
        starts = {each.span.start for each in joined}
        gone += [_coverage_row(where, each) for each in old if each.span.start not in starts]
        rows += [_coverage_row(where, each) for each in joined if each not in old]
    for row in gone:
        this = [coverage.c[name] == row[name] for name in ("connection", "stream", "scope", "span_start")]
        db.execute(delete(coverage).where(*this))
    upsert(db, coverage, rows, lambda row: {"span_end": row.excluded.span_end, "ended": row.excluded.ended})


def _proven(db: Database, wanted: Iterable[_Where]) -> dict[_Where, list[Proven]]:
    of = {where[0] for where in wanted}
    query = select(*_PROVEN).where(coverage.c.connection.in_(of), coverage.c.stream.in_({where[1] for where in wanted}))
    found: dict[_Where, list[Proven]] = {}
    for owner, stream, scope, start, end, ended in db.execute(query):
        found.setdefault((owner, stream, scope), []).append(Proven(Span(start, end), ended))
    return found


def _coverage_row(where: _Where, proven: Proven) -> dict[str, Any]:
    return {
        "connection": where[0],
        "stream": where[1],
        "scope": where[2],
        "span_start": proven.span.start,
        "span_end": proven.span.end,
        "ended": proven.ended,
    }


def _show_landed(db: Database, landed: Collection[ConnectionId]) -> None:
    if landed:
        first = connections.c.id.in_(landed) & connections.c.landed.is_(False)
        db.execute(update(connections).where(first).values(landed=True))


def _show_progress(db: Database, moved: Collection[ConnectionId]) -> None:
    """While the first import lasts, a connection's progress is the sum of its streams'."""
    if not moved:
        return
    importing = select(connections.c.id).where(connections.c.id.in_(moved), connections.c.first_import_done.is_(False))
    query = (
        select(cursors.c.connection, func.sum(cursors.c.done), func.sum(cursors.c.planned))
        .where(cursors.c.connection.in_(importing))
        .group_by(cursors.c.connection)
    )
    for connection, done, planned in db.execute(query).all():
        values = {"importing_done": int(done or 0), "importing_planned": int(planned or 0)}
        db.execute(update(connections).where(connections.c.id == connection).values(values))
