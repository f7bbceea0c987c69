"""Raw records past each connection's watermark become trades, movements and balances; what can't be read, quarantine.

Watermark, comparison with what is stored, and commit use one handle of the target table, and all connections of a batch
are committed together. On a conflict everything is read again: at most the work is done twice, never its effect.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from metrifly_pipeline.domain.ids import ConnectionId
from metrifly_pipeline.domain.lake_rows import NormalizeJob, NormalizeOutcome, Room
from metrifly_pipeline.domain.ports import Reach
from metrifly_pipeline.domain.trouble import LakeConflictError
from metrifly_pipeline.lake.batches import Batch, BatchMaker
from metrifly_pipeline.lake.engine import Engine
from metrifly_pipeline.lake.stored_table import of_connections
from metrifly_pipeline.lake.table_set import TableSet
from metrifly_pipeline.lake.tables import QUARANTINE, literal
from metrifly_pipeline.lake.tally import Tally
from metrifly_pipeline.lake.targets import TARGETS, Target

RECORDS_PER_COMMIT = 40_000
"""Raw records that one commit normalises at most: it bounds memory."""
_ATTEMPTS = 10
_AHEAD = timedelta(days=1)
"""How far in the future a record's time may lie: exchanges' clocks and zones differ, but not by more."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Held = Callable[[], set[ConnectionId]]
"""Tells which connections' leases are still ours."""


class Normalizer:
    """Normalises jobs; not for several threads at once."""

    def __init__(
        self,
        tables: TableSet,
        engine: Engine,
        rooms: Mapping[str, Room],
        reach: Reach,
        records_per_commit: int = RECORDS_PER_COMMIT,
    ) -> None:
        self._tables = tables
        self._engine = engine
        self._maker = BatchMaker(tables, engine, rooms)
        self._reach = reach
        self._budget = records_per_commit

    def normalize(
        self, jobs: Sequence[NormalizeJob], held: Held, now: datetime
    ) -> Mapping[ConnectionId, NormalizeOutcome]:
        """Normalise all jobs; see `Lake.normalize`."""
        self._engine.define("macros")
        self._engine.set_variable("latest_us", (now + _AHEAD - _EPOCH) // timedelta(microseconds=1))
        tally = Tally(job.connection for job in jobs)
        for rebuilding in (True, False):
            some = [job for job in jobs if job.rebuild is rebuilding]
            for target in TARGETS if some else ():
                while self._advance(target, some, held, tally, rebuilding=rebuilding):
                    pass
        return tally.outcomes()

    def _advance(
        self, target: Target, jobs: Sequence[NormalizeJob], held: Held, tally: Tally, *, rebuilding: bool
    ) -> bool:
        """Commit one batch of one target; returns whether more may be waiting."""
        app_ids = {job.connection: job.app_id for job in jobs}
        for _ in range(_ATTEMPTS):
            running = [job for job in jobs if job.connection not in tally.lost]
            self._tables.reload((target.name, "raw_records", "reference", QUARANTINE.name))
            batch = self._maker.make(target, running, self._budget, rebuilding=rebuilding)
            if not batch.records:
                return False
            kept = held()
            tally.lost.update(job.connection for job in running if job.connection not in kept)
            batch = batch.only(kept)
            try:
                if batch.marks:
                    self._commit(target, batch, app_ids, rebuilding=rebuilding)
            except LakeConflictError:
                continue
            tally.count(target, batch)
            return batch.more and not rebuilding
        raise LakeConflictError(f"others committed to {target.name} {_ATTEMPTS} times in a row; try again")

    def _commit(self, target: Target, batch: Batch, app_ids: Mapping[ConnectionId, str], *, rebuilding: bool) -> None:
        """Quarantine first: until the watermark has moved, a crash makes the same rows again, and they stand there already."""
        marks = {app_ids[ConnectionId(connection)]: mark for connection, mark in batch.marks.items()}
        # Whoever landed them may not be that far yet: nothing is typed on disk whose source isn't.
        self._tables.raw.settle()
        self._quarantine(target, batch, marks, rebuilding=rebuilding)
        stored = self._tables.stored(target.name)
        self._reach("normalise.before_commit")
        stored.commit(batch.rows, marks, replacing=of_connections(batch.marks) if rebuilding else None)
        self._reach("normalise.after_commit")
        stored.settle()

    def _quarantine(self, target: Target, batch: Batch, marks: Mapping[str, int], *, rebuilding: bool) -> None:
        quarantine = self._tables.stored(QUARANTINE.name)
        if not batch.failed.num_rows and not (rebuilding and quarantine.files_of(batch.marks)):
            return
        quarantine.commit(
            batch.failed,
            {f"{app_id}/{target.name}": mark for app_id, mark in marks.items()},
            replacing=of_connections(batch.marks, f" AND target = {literal(target.name)}") if rebuilding else None,
            may_stay=True,
        )
        quarantine.settle()
