"""Landing raw records: those that are not there already, in one commit, on the disk before anybody moves a cursor.

Each commit writes how far its connections' numbers have come, and numbers only rise: `seq = lease token * 2^32 + n`. So a
worker that was overtaken can't land once its successor has, and whatever lies in the table is normalised in its order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import SEQ_PER_TOKEN, RawRow
from metrifly_pipeline.domain.ports import Reach
from metrifly_pipeline.domain.streams import Stream
from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.engine import Engine
from metrifly_pipeline.lake.landed import LandedRows, Wanted
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import RAW_RECORDS
from metrifly_pipeline.lake.targets import TARGETS, target_of

_ATTEMPTS = 10
_NONE = -1
_TABLES = (RAW_RECORDS.name, *(target.name for target in TARGETS))

_Identity = tuple[str, str, str, int]
"""Stream, scope, fingerprint of the payload, rank."""


@dataclass(slots=True)
class _Landing:
    """What is known of one connection under one lease."""

    token: int
    app_id: str
    watermarks: Mapping[str, int]
    """When the lease was first seen; only its holder can move them."""
    began_elsewhere: bool
    """Rows of this very token lay there already."""
    landed: set[_Identity] = field(default_factory=set)
    balances: dict[str, str] | None = None
    """Fingerprint of the newest snapshot by scope; None before the first was compared."""

    @property
    def own_from(self) -> int:
        """The first number of this lease."""
        return self.token * SEQ_PER_TOKEN

    def must_look(self, row: RawRow) -> bool:
        """Whether an equal row may lie in the table that this process did not land itself."""
        return self.began_elsewhere or self.watermark(row) > _NONE

    def watermark(self, row: RawRow) -> int:
        """How far the table that the row feeds is normalised."""
        return self.watermarks.get(target_of(row.stream) or "", _NONE)


class Landing:
    """Lands raw records; not for several threads at once. Remembers what it landed while a lease lasts."""

    def __init__(self, tables: TableSet, engine: Engine, reach: Reach) -> None:
        self._tables = tables
        self._landed = LandedRows(tables, engine)
        self._reach = reach
        self._leases: dict[ConnectionId, _Landing] = {}

    def append(
        self, rows: Sequence[RawRow], own_tokens: Mapping[ConnectionId, int], app_ids: Mapping[ConnectionId, str]
    ) -> Mapping[ConnectionId, int]:
        """Land what is not there; see `Lake.append_raw`. A connection that was overtaken is missing from the answer."""
        for _ in range(_ATTEMPTS):
            self._tables.raw.reload()
            leases = self._known_leases({row.connection for row in rows}, own_tokens, app_ids)
            current = {connection for connection, lease in leases.items() if not self._is_overtaken(lease)}
            fresh = self._fresh([row for row in rows if row.connection in current], leases)
            self._refuse_repeated_numbers(fresh, leases)
            try:
                if fresh:
                    self._commit(fresh, leases)
            except LakeConflictError:
                continue
            self._remember(fresh, leases)
            return {connection: sum(row.connection == connection for row in fresh) for connection in current}
        raise LakeConflictError(f"others landed for the same connections {_ATTEMPTS} times in a row; try again")

    def _known_leases(
        self,
        connections: Iterable[ConnectionId],
        tokens: Mapping[ConnectionId, int],
        app_ids: Mapping[ConnectionId, str],
    ) -> dict[ConnectionId, _Landing]:
        new = [each for each in connections if each not in self._leases or self._leases[each].token != tokens[each]]
        if new:
            self._tables.reload(_TABLES)
        for each in new:
            app_id = app_ids[each]
            marks = {target.name: self._tables.stored(target.name).mark(app_id) for target in TARGETS}
            mark = self._tables.raw.mark(app_id)
            self._leases[each] = _Landing(
                token=tokens[each],
                app_id=app_id,
                watermarks={name: watermark for name, watermark in marks.items() if watermark is not None},
                began_elsewhere=mark is not None and mark >= tokens[each] * SEQ_PER_TOKEN,
            )
        return {each: self._leases[each] for each in connections}

    def _mark(self, lease: _Landing) -> int:
        mark = self._tables.raw.mark(lease.app_id)
        return _NONE if mark is None else mark

    def _is_overtaken(self, lease: _Landing) -> bool:
        return self._mark(lease) >= (lease.token + 1) * SEQ_PER_TOKEN

    def _fresh(self, rows: Sequence[RawRow], leases: Mapping[ConnectionId, _Landing]) -> list[RawRow]:
        """The rows that are not there, in their order; of equal ones the first."""
        seen: set[tuple[str, _Identity]] = set()
        candidates = []
        for row in rows:
            identity = _identity(row)
            if row.stream is not Stream.BALANCES:
                key = (row.connection, identity)
                if identity in leases[row.connection].landed or key in seen:
                    continue
                seen.add(key)
            candidates.append(row)
        there = self._there(candidates, leases)
        unchanged = self._unchanged_balances(candidates, leases)
        return [row for place, row in enumerate(candidates) if place not in there and place not in unchanged]

    def _there(self, rows: Sequence[RawRow], leases: Mapping[ConnectionId, _Landing]) -> set[int]:
        places = [
            place
            for place, row in enumerate(rows)
            if row.stream is not Stream.BALANCES and leases[row.connection].must_look(row)
        ]
        wanted = [
            Wanted(rows[place], lease.watermark(rows[place]), lease.own_from)
            for place in places
            for lease in (leases[rows[place].connection],)
        ]
        return {places[found] for found in self._landed.find(wanted)} if wanted else set()

    def _unchanged_balances(self, rows: Sequence[RawRow], leases: Mapping[ConnectionId, _Landing]) -> set[int]:
        """Snapshots that say what the one before them said: a balance that returns to an older value is news."""
        places = [place for place, row in enumerate(rows) if row.stream is Stream.BALANCES]
        unknown = {rows[place].connection for place in places if leases[rows[place].connection].balances is None}
        newest = self._landed.newest_balances(unknown) if unknown else {}
        for connection in unknown:
            leases[connection].balances = {
                scope: value for (owner, scope), value in newest.items() if owner == connection
            }
        before = {
            (connection, scope): value
            for connection, lease in leases.items()
            for scope, value in (lease.balances or {}).items()
        }
        unchanged = set()
        for place in places:
            row = rows[place]
            if before.get((row.connection, row.scope)) == row.payload_hash:
                unchanged.add(place)
            before[row.connection, row.scope] = row.payload_hash
        return unchanged

    def _refuse_repeated_numbers(self, rows: Sequence[RawRow], leases: Mapping[ConnectionId, _Landing]) -> None:
        marks = {connection: self._mark(lease) for connection, lease in leases.items()}
        if any(row.seq <= marks[row.connection] for row in rows):
            raise LakeConflictError("a raw record's number does not rise: it was given out before under the same lease")

    def _commit(self, rows: Sequence[RawRow], leases: Mapping[ConnectionId, _Landing]) -> None:
        marks: dict[str, int] = {}
        for row in rows:
            app_id = leases[row.connection].app_id
            marks[app_id] = max(marks.get(app_id, _NONE), row.seq)
        table = as_table(rows)
        self._reach("land.before_commit")
        self._tables.raw.commit(table, marks)
        self._reach("land.after_commit")
        self._tables.raw.settle()
        self._reach("land.after_fsync")

    @staticmethod
    def _remember(rows: Iterable[RawRow], leases: Mapping[ConnectionId, _Landing]) -> None:
        for row in rows:
            lease = leases[row.connection]
            if row.stream is not Stream.BALANCES:
                lease.landed.add(_identity(row))
            elif lease.balances is not None:
                lease.balances[row.scope] = row.payload_hash


def _identity(row: RawRow) -> _Identity:
    return (row.stream, row.scope, row.payload_hash, row.rank)


def as_table(rows: Sequence[RawRow]) -> pa.Table:
    """Raw rows as Arrow, sorted as they lie in files."""
    columns = [
        [row.connection for row in rows],
        [row.exchange for row in rows],
        [row.stream.value for row in rows],
        [row.scope for row in rows],
        [row.seq for row in rows],
        [row.rank for row in rows],
        [row.fetched_at for row in rows],
        [row.event_at for row in rows],
        [row.payload_hash for row in rows],
        [row.payload for row in rows],
    ]
    return pa.table(columns, schema=RAW_RECORDS.schema).sort_by([(name, "ascending") for name in RAW_RECORDS.sorted_by])
