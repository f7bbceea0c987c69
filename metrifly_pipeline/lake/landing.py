"""Landing raw records: those that are not there already, in one commit, on the disk before anybody moves a cursor.

Each commit writes how far its connections' numbers have come, and numbers only rise: `seq = lease token * 2^32 + n`. So a
worker that was overtaken can't land once its successor has, and whatever lies in the table is normalised in its order.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, groupby

import pyarrow as pa

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import RawBlock, RawRow, RawRows
from metrifly_pipeline.domain.ports import Reach
from metrifly_pipeline.domain.streams import us_of
from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.engine import Engine
from metrifly_pipeline.lake.landed import LandedRows
from metrifly_pipeline.lake.landing_lease import NONE, LandingLease
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import MOMENT, RAW_RECORDS, TEXT, WHOLE
from metrifly_pipeline.lake.targets import TARGETS

_ATTEMPTS = 10
_TABLES = (RAW_RECORDS.name, *(target.name for target in TARGETS))

_Fresh = dict[ConnectionId, list[RawBlock]]


class Landing:
    """Lands raw records; not for several threads at once. Remembers what it landed while a lease lasts."""

    def __init__(self, tables: TableSet, engine: Engine, reach: Reach) -> None:
        self._tables = tables
        self._landed = LandedRows(tables, engine)
        self._reach = reach
        self._leases: dict[ConnectionId, LandingLease] = {}

    def append(
        self, rows: Sequence[RawRow], own_tokens: Mapping[ConnectionId, int], app_ids: Mapping[ConnectionId, str]
    ) -> Mapping[ConnectionId, int]:
        """Land what is not there; see `Lake.append_raw`. A connection that was overtaken is missing from the answer."""
        by_connection = _by_connection(rows)
        for _ in range(_ATTEMPTS):
            self._tables.raw.reload()
            leases = self._known_leases(by_connection, own_tokens, app_ids)
            marks = {connection: self._mark(lease.app_id) for connection, lease in leases.items()}
            current = [connection for connection, lease in leases.items() if not lease.is_overtaken(marks[connection])]
            fresh = self._fresh({connection: by_connection[connection] for connection in current}, leases)
            _refuse_repeated_numbers(fresh, marks)
            try:
                if any(block.seqs for blocks in fresh.values() for block in blocks):
                    self._commit(fresh, leases)
            except LakeConflictError:
                continue
            for connection in current:
                leases[connection].remember()
            return {connection: sum(map(len, fresh[connection])) for connection in current}
        raise LakeConflictError(f"others landed for the same connections {_ATTEMPTS} times in a row; try again")

    def _mark(self, app_id: str) -> int:
        mark = self._tables.raw.mark(app_id)
        return NONE if mark is None else mark

    def _known_leases(
        self,
        connections: Iterable[ConnectionId],
        tokens: Mapping[ConnectionId, int],
        app_ids: Mapping[ConnectionId, str],
    ) -> dict[ConnectionId, LandingLease]:
        wanted = sorted(connections)
        new = [each for each in wanted if each not in self._leases or self._leases[each].token != tokens[each]]
        if new:
            self._tables.reload(_TABLES)
        for each in new:
            app_id = app_ids[each]
            marks = {target.name: self._tables.stored(target.name).mark(app_id) for target in TARGETS}
            self._leases[each] = LandingLease(
                token=tokens[each],
                app_id=app_id,
                watermarks={name: watermark for name, watermark in marks.items() if watermark is not None},
                mark=self._mark(app_id),
            )
        return {each: self._leases[each] for each in wanted}

    def _fresh(
        self, rows: Mapping[ConnectionId, Sequence[RawBlock]], leases: Mapping[ConnectionId, LandingLease]
    ) -> _Fresh:
        """The rows that are not there, in their order; of equal ones the first."""
        news = {connection: leases[connection].news(own) for connection, own in rows.items()}
        news = self._without_there(news, leases)
        self._learn_balances(news, leases)
        return {connection: leases[connection].changed_balances(own) for connection, own in news.items()}

    def _without_there(self, rows: _Fresh, leases: Mapping[ConnectionId, LandingLease]) -> _Fresh:
        wanted = list(chain.from_iterable(leases[connection].to_look_up(own) for connection, own in rows.items()))
        if not wanted:
            return rows
        there = self._landed.find(wanted)
        return {
            connection: [
                block.only([place for place, seq in enumerate(block.seqs) if (connection, seq) not in there])
                for block in own
            ]
            for connection, own in rows.items()
        }

    def _learn_balances(self, rows: _Fresh, leases: Mapping[ConnectionId, LandingLease]) -> None:
        unknown = [connection for connection, own in rows.items() if leases[connection].must_learn_balances(own)]
        newest = self._landed.newest_balances(unknown) if unknown else {}
        for connection in unknown:
            leases[connection].balances = {
                scope: payload_hash for (owner, scope), payload_hash in newest.items() if owner == connection
            }

    def _commit(self, fresh: _Fresh, leases: Mapping[ConnectionId, LandingLease]) -> None:
        blocks = {connection: [block for block in own if block.seqs] for connection, own in fresh.items()}
        marks = {leases[connection].app_id: own[-1].seqs[-1] for connection, own in blocks.items() if own}
        table = as_table(list(chain.from_iterable(blocks.values())))
        self._reach("land.before_commit")
        self._tables.raw.commit(table, marks)
        self._reach("land.after_commit")
        self._tables.raw.settle()
        self._reach("land.after_fsync")


def _by_connection(rows: Sequence[RawRow]) -> _Fresh:
    """Blocks by connection, in the order of their numbers."""
    by_connection: _Fresh = {}
    for block in RawRows.of(rows).blocks:
        by_connection.setdefault(block.connection, []).append(block)
    for own in by_connection.values():
        own.sort(key=lambda block: block.seqs[0])
    return by_connection


def _refuse_repeated_numbers(fresh: _Fresh, marks: Mapping[ConnectionId, int]) -> None:
    if any(block.seqs[0] <= marks[connection] for connection, own in fresh.items() for block in own if block.seqs):
        raise LakeConflictError("a raw record's number does not rise: it was given out before under the same lease")


def as_table(blocks: Sequence[RawBlock]) -> pa.Table:
    """Raw rows, in the order in which they shall lie in files, as Arrow."""
    columns = (
        _constant(blocks, lambda block: block.connection),
        _constant(blocks, lambda block: block.exchange),
        _constant(blocks, lambda block: block.stream.value),
        _constant(blocks, lambda block: block.scope),
        _column((block.seqs for block in blocks), WHOLE),
        _column((block.ranks for block in blocks), WHOLE),
        _constant(blocks, lambda block: us_of(block.fetched_at)).cast(MOMENT),
        _column((block.event_us for block in blocks), WHOLE).cast(MOMENT),
        _column((block.hashes for block in blocks), TEXT),
        _column((block.payloads for block in blocks), TEXT),
    )
    return pa.table(columns, schema=RAW_RECORDS.schema)


def _constant(blocks: Sequence[RawBlock], value: Callable[[RawBlock], str | int | None]) -> pa.Array:
    """What every row of a block shares, and most often its neighbours, too."""
    runs = [(shared, sum(map(len, some))) for shared, some in groupby(blocks, value)]
    return pa.concat_arrays([pa.repeat(shared, rows) for shared, rows in runs])


def _column(parts: Iterable[Sequence[object]], kind: pa.DataType) -> pa.Array:
    """What differs from row to row."""
    return pa.array(list(chain.from_iterable(parts)), kind)
